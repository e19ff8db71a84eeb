"""Consumers under test that are no consumers: what CONSUMER may name by mistake, on the mock cluster."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fairpoll.base.errors import ConsumerError, FairpollError
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.run import started
from fairpoll.run.experiment import Experiment
from fairpoll.run.modes import consumer_of
from fairpoll.scenarios.file import load_scenario

SCENARIO = """
title: short
duration: 5 s
sink: 100 per second
topics:
  t: {volume: low, partitions: 1, traffic: 1 every 100 ms, output: t.json}
"""
PYTHON = (sys.executable, "-c")
SAY = "import sys, time; print({!r}, file=sys.{}, flush=True); time.sleep({})"
ASSIGNED = '{"timestamp": 1, "name": "partitions_assigned"}'
FOREVER = '{"timestamp": 1, "name": "x"}\n'


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    registry = Registry()
    logs = tmp_path_factory.mktemp("logs")
    cluster = open_cluster("mock", ClusterOptions(logs), registry, warn=print)
    yield cluster
    cluster.stop()
    registry.close()


def experiment(cluster: Cluster, folder: Path, command: tuple[str, ...]) -> Experiment:
    file = folder / "short.yaml"
    file.write_text(SCENARIO, "utf-8")
    return Experiment(
        scenario_file=file,
        scenario=load_scenario(file),
        speed=1,
        consumers=[Subject("mine", command)],
        cluster=cluster,
        run_id=re.sub(r"\W", "-", folder.name),
        folder=folder / "run",
        ready_seconds=2,
    )


def scripted(folder: Path, text: str, mode: int) -> str:
    file = folder / "consumer"
    file.write_text(text, "utf-8")
    file.chmod(mode)
    return str(file)


COMMANDS: dict[str, tuple[str, ...]] = {
    "not found": ("/no/such", "-x"),
    "a folder": ("/tmp",),
    "empty": (),
    "exits at once": ("/bin/true",),
    "exits with an error": ("sh", "-c", "echo I cannot >&2; echo do this >&2; exit 3"),
    "exits with an error on standard output": ("sh", "-c", "echo I cannot; exit 3"),
    "killed": ("sh", "-c", "kill -9 $$"),
    "prints its log as events": (*PYTHON, SAY.format("INFO: consumer started", "stdout", 30)),
    "prints JSON that is no event": (*PYTHON, SAY.format("[1]", "stdout", 30)),
    "tells an assignment of nothing": (*PYTHON, SAY.format(ASSIGNED, "stdout", 30)),
    "never becomes ready": (*PYTHON, SAY.format("connecting", "stderr", 30)),
}


@pytest.mark.parametrize("row", COMMANDS)
def test_what_is_no_consumer_is_told_and_stopped(
    row: str, cluster: Cluster, tmp_path: Path, snapshot: SnapshotAssertion
):
    run = experiment(cluster, tmp_path, COMMANDS[row])
    with pytest.raises(FairpollError) as error:
        run.run()
    assert str(error.value) == snapshot
    assert not any(process.running for process in run._processes.started)


@pytest.mark.parametrize(
    ("text", "mode"),
    [("#!/bin/sh\n", 0o644), ("no shebang\n", 0o755)],
    ids=["not executable", "not a program"],
)
def test_a_file_that_cannot_be_run(
    text: str, mode: int, cluster: Cluster, tmp_path: Path, snapshot: SnapshotAssertion
):
    program = scripted(tmp_path, text, mode)
    with pytest.raises(ConsumerError) as error:
        experiment(cluster, tmp_path, (program,)).run()
    assert str(error.value) == snapshot


@pytest.mark.parametrize(
    ("printed", "stream"),
    [(FOREVER, "output"), ("x" * 100, "output"), ("an error\n", "error")],
    ids=["events", "a line without end", "errors"],
)
def test_a_program_that_prints_without_end_is_stopped(
    printed: str, stream: str, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(started, "MOST_PRINTED_BYTES", 4 * 2**20)
    target = "sys.stdout" if stream == "output" else "sys.stderr"
    loop = f"import sys\nwhile True: {target}.write({printed!r} * 1_000)"
    run = experiment(cluster, tmp_path, (*PYTHON, loop))
    with pytest.raises(FairpollError) as error:
        run.run()
    file = "events.jsonl" if stream == "output" else "client.log"
    if printed.startswith("xx"):  # whichever is noticed first
        assert re.search("line 1: not JSON .*: 'x{60}...'|has printed more than 4 MiB", str(error.value))
    else:
        path = run.folder / "mine" / file
        assert str(error.value) == f"mine has printed more than 4 MiB on standard {stream} ({path})"
    assert (run.folder / "mine" / file).stat().st_size < 2**30


@pytest.mark.parametrize(
    "command",
    ["my 'consumer", "  ", "''", "my \\"],
    ids=["unclosed quote", "blanks", "empty quotes", "a backslash too many"],
)
def test_what_cannot_be_read_as_a_command(command: str, snapshot: SnapshotAssertion):
    with pytest.raises(ConsumerError) as error:
        consumer_of("async", {"command": command})
    assert str(error.value) == snapshot
