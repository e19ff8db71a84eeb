"""A consumer whose log is on standard output, on a real broker."""

import sys
from pathlib import Path

import pytest

from fairpoll.checkers import judge
from fairpoll.cluster import Cluster
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.run.recorder import Recorder

SCENARIO = """
title: A log on standard output
duration: 6 s
sink: 200 per second
topics:
  busy: {volume: high, partitions: 2, backlog: 300, traffic: 5 every 100 ms, output: busy.json}
  quiet: {volume: low, partitions: 1, traffic: 1 every 200 ms, output: quiet.json}
"""
# The output of the built-in consumer among lines of a log; SILENT: without any event.
LOGGING = """
import os, subprocess, sys
silent = sys.argv[1] == "silent"
inner = subprocess.Popen([sys.executable, "-m", "fairpoll", "consume", "--mode", "async", "--controlled"],
                         stdout=subprocess.PIPE, text=True)
print("INFO starting", flush=True)
for number, line in enumerate(inner.stdout):
    print(f"INFO line {number}")
    print('{"level": "info", "name": "my.logger", "timestamp": "2026-11-30T14:00:00Z"}', flush=True)
    if not silent:
        print(line, end="", flush=True)
sys.exit(inner.wait())
"""

pytestmark = [pytest.mark.local, pytest.mark.slow]


def recorded(cluster: Cluster, folder: Path, kind: str, **texts: str) -> Recording:
    file, program = folder / "scenario.yaml", folder / "logging_consumer.py"
    file.write_text(SCENARIO, "utf-8")
    program.write_text(LOGGING, "utf-8")
    command = f"{sys.executable} {program} {kind}"
    consumer = Subject.parse("yours", {"command": command, "name": "mine", **texts})
    with Recorder(cluster, folder) as recorder:
        return recorder.record("log", file, 1.0, [consumer])


def statuses(recording: Recording) -> dict[str, str]:
    names = ("output_readable", "nothing_lost", "commits_never_ahead", "stops_when_asked")
    seconds = {"stops_when_asked": {"seconds": 15.0}}
    return {name: judge(name, recording, "mine", **seconds.get(name, {})).status for name in names}


def test_events_among_a_log_are_the_evidence(cluster: Cluster, tmp_path: Path):
    recording = recorded(cluster, tmp_path, "talking", log_on_stdout="yes")
    assert set(statuses(recording).values()) == {"pass"}
    assert recording.consumers["mine"].evidence >= {"assignments", "records"}


def test_a_log_without_events_leaves_the_commits_as_evidence(cluster: Cluster, tmp_path: Path):
    quiet = {"log_on_stdout": "yes", "evidence": ""}
    recording = recorded(cluster, tmp_path, "silent", **quiet)
    assert "commits" in recording.consumers["mine"].evidence
    assert set(statuses(recording).values()) == {"pass"}


def test_without_the_declaration_the_lines_are_a_finding_with_the_way_out(cluster: Cluster, tmp_path: Path):
    recording = recorded(cluster, tmp_path, "talking")
    finding = judge("output_readable", recording, "mine")
    assert finding.status == "fail"
    assert "needs --log-on-stdout yes" in finding.sentence
