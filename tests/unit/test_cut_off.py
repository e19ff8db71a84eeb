"""A run that was cut off: nothing is judged beyond the last look, so nobody is accused of what came after."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from fairpoll.base.errors import HistoryError
from fairpoll.checkers import CRITERIA, judge
from fairpoll.contract.events import dump
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.scenarios.model import Scenario
from recordings import SCENARIO, START_MS, TOPIC, write_recording

THRESHOLDS: Mapping[str, object] = {
    **{"volume": "low", "seconds": 2, "records": 1, "share": 0.5, "percentile": 99, "times": 4},
    **{"solo_seconds": 1, "mebibytes": 10, "of": "c"},
}


def cut_off(folder: Path, *, second: float, **facts: object) -> None:
    """The run was to last a minute; its last sample is from this second."""
    write_recording(folder)
    run = json.loads((folder / layout.RUN).read_text("utf-8"))
    scenario: Scenario = SCENARIO
    run |= {"complete": False, "scenario": {**scenario.to_json(), "duration_seconds": 60.0, "drain": True}}
    del run["stopped_ms"]
    (folder / layout.RUN).write_text(json.dumps(run | facts), "utf-8")
    moments = (START_MS + at * 1000 for at in (-1, second - 2, second))
    samples = [
        {"timestamp": at, "name": "committed_offsets", "consumer": "c", "offsets": [], "final": False}
        for at in moments
    ]
    (folder / layout.SAMPLES).write_text("".join(dump(sample) + "\n" for sample in samples), "utf-8")


def failed(folder: Path) -> list[str]:
    """The criteria that fail for the consumer."""
    recording = load_recording(folder)
    judged = {
        name: judge(name, recording, "c", **{t: THRESHOLDS[t] for t in declared.thresholds})
        for name, declared in CRITERIA.items()
    }
    return sorted(name for name, finding in judged.items() if finding.status == "fail")


def test_a_run_that_was_cut_off_accuses_nobody(tmp_path: Path):
    # Four messages, each delivered half a second after it was due; the run ends at second 3.2.
    cut_off(tmp_path, second=3.2)
    assert failed(tmp_path) == []
    recording = load_recording(tmp_path)
    assert (recording.watched_until, recording.duration) == (pytest.approx(2.2), pytest.approx(2.2))
    waiting = judge("oldest_wait_at_most", recording, "c", volume="low", seconds=2)
    assert waiting.status == "inconclusive"
    assert waiting.sentence.startswith("the run was cut off at second 2.2 (")


def test_what_was_seen_before_alone_proves_a_failure(tmp_path: Path):
    cut_off(tmp_path, second=20)
    output = tmp_path / "c" / "low_vol.json"
    kept = output.read_text("utf-8").splitlines(keepends=True)[:3]
    output.write_text("".join(kept), "utf-8")  # the fourth message waited 16 s in the time that was seen
    assert failed(tmp_path) == ["every_partition_served", "no_stall"]
    stalled = judge("no_stall", load_recording(tmp_path), "c", seconds=2)
    assert "delivered nothing for 16.0 s from second 3.0 on" in stalled.sentence


def test_what_the_end_of_the_run_did_is_left_out(tmp_path: Path):
    process = {"consumer": "c", "member": 1, "pid": 1, "started_ms": START_MS - 5_000, "exit_code": 1}
    cut_off(tmp_path, second=4, processes=[{**process, "ended_ms": START_MS + 3_500, "last_output": "x"}])
    paused = {"timestamp": START_MS + 500, "name": "partitions_paused"}
    lost = {"timestamp": START_MS + 3_600, "name": "partitions_revoked", "lost": True}
    owned = [{"topic": TOPIC, "partition": 0}]
    with (tmp_path / "c" / layout.EVENTS).open("a", encoding="utf-8") as events:
        events.writelines(dump({**event, "partitions": owned}) + "\n" for event in (paused, lost))
    again = (tmp_path / "c" / "low_vol.json").read_text("utf-8").splitlines()[0]
    moved = {**json.loads(again), "delivered_ms": START_MS + 3_900}
    with (tmp_path / "c" / "low_vol.json").open("a", encoding="utf-8") as output:
        output.write(dump(moved) + "\n")
    assert failed(tmp_path) == []


def test_a_consumer_that_died_long_before_failed(tmp_path: Path):
    process = {"consumer": "c", "member": 1, "pid": 1, "started_ms": START_MS - 5_000, "exit_code": 1}
    cut_off(tmp_path, second=4, processes=[{**process, "ended_ms": START_MS + 2_900, "last_output": "x"}])
    assert failed(tmp_path) == ["stays_alive"]


@pytest.mark.parametrize("second", [-0.5, 0.9])
def test_before_the_first_second_nothing_was_seen(second: float, tmp_path: Path):
    cut_off(tmp_path, second=second)
    with pytest.raises(HistoryError, match="cut off as its traffic began; nothing to judge"):
        load_recording(tmp_path)
