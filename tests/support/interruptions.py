"""Interrupts runs and lists the findings that accuse a consumer: `python interruptions.py --help`.

A run is recorded in a process of its own. It is interrupted in one of its phases: its whole tree of
processes (harness, broker, producer, consumers) is stopped for some seconds, it gets Ctrl-C, or its disk is
full. Both consumers are correct, so that each finding that fails is a false accusation.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from fairpoll.base.errors import HistoryError
from fairpoll.base.waiting import wait_until
from fairpoll.checkers import DELIVERY_GUARANTEES, Finding, judge
from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.evidence.history import Recording
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.run.recorder import Recorder
from fairpoll.scenarios.model import CONTROL
from fairpoll.scenarios.packaged import find_scenario

# A scenario of some seconds at each SPEED.
SCENARIOS = {1: "backlog_against_live.yaml", 10: "specified.yaml"}
# Phase -> the fact of run.json with which it begins, and the part of the traffic that passes first.
PHASES = {
    "backlog": ("begun_ms", 0.0),
    "assignment": ("produced_ms", 0.0),
    "traffic": ("start_ms", 0.4),
    "drain": ("drain_ms", 0.0),
    "stop": ("drained_ms", 0.0),
}
SECONDS = 300.0
# Every criterion that a correct consumer and its control must not fail.
BOTH: dict[str, dict[str, object]] = {
    **{name: {} for name in DELIVERY_GUARANTEES},
    **{name: {} for name in ("buffers_bounded", "pauses_pair_up", "output_readable", "membership_kept")},
    "stays_alive": {},
    "no_stall": {"seconds": 10},
    "stops_when_asked": {"seconds": 10},
}
FAIR: dict[str, dict[str, object]] = {
    **BOTH,
    "every_partition_served": {"seconds": 10},
    "oldest_wait_at_most": {"volume": "low", "seconds": 5},
    "due_messages_delivered": {"volume": "low", "seconds": 5},
    "latency_at_most": {"volume": "low", "percentile": 99, "seconds": 5},
    "service_at_least": {"volume": "low", "share": 0.5},
    "throughput_at_least": {"of": CONTROL, "share": 0.9},
    "delivered_at_least": {"volume": "high", "records": 900},
}


@dataclass(frozen=True)
class Case:
    """One interruption. `kind` is freeze, ctrl-c or disk; `seconds` is how long the tree is stopped."""

    kind: str
    phase: str = "traffic"
    speed: int = 10
    seconds: float = 0.0
    cluster: str = "mock"

    def __str__(self) -> str:
        length = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.kind}{length} in {self.phase}, SPEED {self.speed}, {self.cluster}"


def cases(cluster: str) -> Iterator[Case]:
    """Every case that issue 24 names."""
    for speed in SCENARIOS:
        for seconds in (2.0, 5.0, 20.0):
            yield Case("freeze", "traffic", speed, seconds, cluster)
    for phase in PHASES:
        yield Case("ctrl-c", phase, cluster=cluster)
    yield Case("disk", cluster=cluster)


def interrupted(case: Case, folder: Path) -> list[Finding]:
    """Record a run below this folder, interrupt it, and judge it: the findings, none if nothing was seen."""
    recording = recorded(case, folder)
    return [] if recording is None else findings(recording)


def recorded(case: Case, folder: Path) -> Recording | None:
    """The recording of an interrupted run; None if it ended before there was anything to judge."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    with small_disk(disk) if case.kind == "disk" else contextlib.nullcontext():
        command = [sys.executable, __file__, "--record", str(disk), case.cluster, str(case.speed)]
        state = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        with (folder / "harness.log").open("wb") as log:
            harness = subprocess.Popen(command, stdout=log, stderr=log, env=state, start_new_session=True)
        try:
            _wait_for(case, disk, harness)
            if case.kind == "freeze":
                _freeze(harness.pid, case.seconds)
            elif case.kind == "ctrl-c":
                harness.send_signal(signal.SIGINT)
            else:
                fill(disk)
            harness.wait(SECONDS)
        finally:
            _end(harness)
        (run,) = disk.glob(f"*/{layout.RUN}")
        try:
            return load_recording(run.parent)
        except HistoryError as error:
            if "nothing to judge" in str(error):
                return None
            raise


def findings(recording: Recording) -> list[Finding]:
    """The findings on both consumers and on the control's starvation."""
    judged = [
        judge(name, recording, consumer, **thresholds)
        for consumer, criteria in ((CONTROL, BOTH), ("async", FAIR))
        for name, thresholds in criteria.items()
    ]
    needed = recording.scenario.control_wait_seconds
    if needed is not None:
        judged.append(judge("oldest_wait_at_least", recording, CONTROL, volume="low", seconds=needed))
    return judged


def _wait_for(case: Case, folder: Path, harness: "subprocess.Popen[bytes]") -> None:
    """Wait until the run is in the phase of the case."""
    fact, part = PHASES[case.phase]

    def reached() -> bool:
        assert harness.poll() is None, "the run ended before it was interrupted"
        for path in folder.glob(f"*/{layout.RUN}"):
            facts = json.loads(path.read_text("utf-8"))
            traffic = (facts["end_ms"] - facts["start_ms"]) * part if part and fact in facts else 0.0
            return fact in facts and time.time() * 1000 >= facts[fact] + traffic
        return False

    wait_until(reached, SECONDS, f"the phase {case.phase}")


def _freeze(pid: int, seconds: float) -> None:
    """Stop the process and all its descendants for this time."""
    root = psutil.Process(pid)
    stopped = [root]
    root.send_signal(signal.SIGSTOP)
    for child in root.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.send_signal(signal.SIGSTOP)
            stopped.append(child)
    try:
        until = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() >= until, seconds + 5, "the pause to end")
    finally:
        for process in reversed(stopped):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)


def _end(harness: "subprocess.Popen[bytes]") -> None:
    """Kill what the run has left, by its id."""
    left = []
    with contextlib.suppress(psutil.Error):
        left = psutil.Process(harness.pid).children(recursive=True)
    if harness.poll() is None:
        harness.kill()
    harness.wait()
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int = 4) -> Iterator[None]:
    """A file system of some megabytes. Raises CalledProcessError without the right to mount it."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, but: int = 0) -> None:
    """Fill the disk with this folder, except for this number of bytes."""
    with (folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(os.urandom(4096)) == 4096:
            pass
    with (folder / "ballast").open("ab") as ballast:
        ballast.truncate(max(0, ballast.tell() - but))


def record(folder: Path, kind: str, speed: int) -> None:
    """Record a run of both built-in consumers; to be interrupted."""
    # A shell ignores Ctrl-C in its background jobs, and so would this process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Registry() as registry:
        cluster = open_cluster(kind, ClusterOptions(folder.parent / "cluster"), registry, warn=print)
        with Recorder(cluster, folder, registry) as recorder:
            consumers = [Subject.built_in(CONTROL), Subject.built_in("async")]
            recorder.record("run", find_scenario(SCENARIOS[speed]), speed, consumers)


def main(arguments: list[str], say: Callable[[str], object] = print) -> int:
    """Interrupt runs and print each accusation. Exit code 1 if there is any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=5, help="how often each case is tried")
    parser.add_argument("--cluster", default="mock", help="mock or local")
    parser.add_argument("--only", default="", help="only cases whose name contains this text")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keeps the evidence of runs that accuse")
    parser.add_argument("--record", nargs=3, metavar=("FOLDER", "CLUSTER", "SPEED"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.record:
        folder, cluster, speed = options.record
        record(Path(folder), cluster, int(speed))
        return 0
    accused = tried = 0
    for case in (case for case in cases(options.cluster) if options.only in str(case)):
        for _ in range(options.times):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                judged = interrupted(case, Path(folder))
                failed = [finding for finding in judged if finding.status == "fail"]
                tried, accused = tried + 1, accused + bool(failed)
                if failed and options.keep:
                    shutil.copytree(folder, options.keep / str(accused), ignore_dangling_symlinks=True)
            passed = sum(finding.status == "pass" for finding in judged)
            say(f"{case}: {len(failed)} failed, {passed} passed, {len(judged) - passed - len(failed)} unsure")
            for finding in failed:
                say(f"    {finding.check}: {finding.sentence}")
    say(f"{tried} runs interrupted, {accused} with an accusation")
    return int(accused > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
