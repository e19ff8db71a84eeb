"""A correct consumer and its control are accused of nothing when a run is interrupted; one case of each kind.

`.ci/interruptions` has every case.
"""

import os
from pathlib import Path

import pytest

from fairpoll.evidence.history import Recording
from interruptions import Case, findings, recorded


def accusations(recording: Recording) -> list[str]:
    return [finding.sentence for finding in findings(recording) if finding.status == "fail"]


def test_a_frozen_tree_of_processes_is_a_pause_of_the_host(tmp_path: Path):
    recording = recorded(Case("freeze", seconds=2.0), tmp_path)
    assert recording
    assert recording.complete
    lengths = [pause.until_ms - pause.from_ms for pause in recording.pauses_of("sync")]
    assert 1_800 < max(lengths) < 4_000
    assert accusations(recording) == []


def test_ctrl_c_in_the_traffic_ends_the_observation(tmp_path: Path):
    recording = recorded(Case("ctrl-c"), tmp_path)
    assert recording
    assert not recording.complete
    assert 0 < recording.watched_until < 110
    last = [history.delivered.at[-1] for history in recording.consumers.values()]
    assert max(last) <= recording.watched_until
    assert accusations(recording) == []
    ends = [process.ended_ms for name in recording.consumers for process in recording.processes_of(name)]
    assert ends == [None, None]  # they were stopped later


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system takes the superuser to mount")
def test_a_full_disk_in_the_traffic_ends_the_observation(tmp_path: Path):
    recording = recorded(Case("disk"), tmp_path)
    assert recording
    assert not recording.complete
    assert recording.watched_until < 110
    assert accusations(recording) == []
    assert "disk full" in (tmp_path / "harness.log").read_text("utf-8")
