"""The memory and the CPU time of all processes that a consumer has started."""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from fairpoll.base.waiting import wait_until
from fairpoll.run.processes import ChildProcess, ChildProcesses
from fairpoll.run.usage import UsageSampler

MEBIBYTE = 1 << 20
# Takes 100 MiB and half a second of CPU time, and waits; with an argument, in a process that it forks.
PROGRAM = """
import os, sys, time
kept = bytearray(os.urandom(1 << 20)) * 100
until = time.process_time() + 0.5
while time.process_time() < until:
    pass
print(flush=True)
if sys.argv[1:]:
    os.fork()
time.sleep(600)
"""
COMMAND = shlex.join((sys.executable, "-c", PROGRAM))


def sampled(folder: Path, processes: Sequence[psutil.Process]) -> dict[str, float]:
    """The event of one sample of a consumer with these processes."""
    sampler = UsageSampler(folder / "samples", ["c"], lambda _: processes)
    sampler.tick()
    sampler.finish()
    event: dict[str, float] = json.loads((folder / "samples").read_text("utf-8"))
    return event


def started(children: ChildProcesses, folder: Path, command: str) -> ChildProcess:
    child = children.start("c", ("sh", "-c", command), {}, folder / "events", folder / "log")
    wait_until(lambda: child.events.stat().st_size, 30, "its first line")
    return child


@pytest.mark.parametrize(
    "command", [f"{COMMAND}; true", f"setsid {COMMAND} & wait"], ids=["in a shell", "in its own session"]
)
def test_the_consumer_in_a_shell_is_measured(command: str, tmp_path: Path):
    with ChildProcesses() as children:
        child = started(children, tmp_path, command)
        event = sampled(tmp_path, child.processes)
    assert 100 * MEBIBYTE < event["rss_bytes"] < 200 * MEBIBYTE
    assert 0.5 <= event["cpu_seconds"] < 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="shared memory is measured on Linux only")
def test_what_forked_processes_share_counts_once(tmp_path: Path):
    with ChildProcesses() as children:
        child = started(children, tmp_path, f"exec {COMMAND} fork")
        wait_until(lambda: len(child.processes) == 2, 30, "the fork")
        event = sampled(tmp_path, child.processes)
        assert sum(process.memory_info().rss for process in child.processes) > 200 * MEBIBYTE
    assert 100 * MEBIBYTE < event["rss_bytes"] < 150 * MEBIBYTE


def test_the_cpu_time_of_a_process_that_has_ended_still_counts(tmp_path: Path):
    with ChildProcesses() as children:
        child = started(children, tmp_path, f"{COMMAND}; sleep 600")
        now = child.processes
        sampler = UsageSampler(tmp_path / "samples", ["c"], lambda _: now)
        sampler.tick()
        (shell, inner) = now
        now = [shell]
        inner.kill()
        inner.wait()
        sampler.tick()
        sampler.finish()
    first, second = map(json.loads, (tmp_path / "samples").read_text("utf-8").splitlines())
    assert second["cpu_seconds"] >= first["cpu_seconds"] >= 0.5
    assert second["rss_bytes"] < 20 * MEBIBYTE


def test_without_a_process_nothing_is_written(tmp_path: Path):
    sampler = UsageSampler(tmp_path / "samples", ["c"], lambda _: [])
    sampler.tick()
    sampler.finish()
    assert (tmp_path / "samples").read_text("utf-8") == ""
