"""What a consumer can be judged by: its files, its events, or nothing but what its group committed."""

import json
from pathlib import Path

import pytest

from fairpoll import layout
from fairpoll.checkers import judge
from fairpoll.events import dump
from fairpoll.history import Recording
from fairpoll.loading import load_recording
from fairpoll.outputs import DeliveryCounter
from histories import SCENARIO

START_MS = 1_000_000.0
TOPIC = "low.r"


def line(name: str, at: float, **fields: object) -> str:
    return dump({"timestamp": START_MS + at * 1000, "name": name, **fields}) + "\n"


def sent(sequence: int) -> str:
    at = {"intended_ms": START_MS + sequence * 1000, "sent_ms": START_MS + sequence * 1000}
    where = {"topic": "low", "partition": 0, "offset": sequence, "sequence": sequence}
    return line("producer_send_success", sequence, **where, **at, batch=sequence, checksum=1)


def spots(*offsets: int) -> list[dict[str, object]]:
    return [{"topic": TOPIC, "partition": 0, "offset": offset} for offset in offsets]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of four messages and a consumer `c` that has left nothing yet."""
    facts = {
        "run_id": "r",
        "scenario": SCENARIO.to_json(),
        "speed": 1.0,
        "cluster": {"kind": "local", "description": "Kafka"},
        "topics": {"high": "high.r", "low": TOPIC},
        "consumers": ["c"],
        "start_ms": START_MS,
        "stopped_ms": START_MS + 60_000,
        "complete": True,
    }
    (tmp_path / layout.RUN).write_text(json.dumps(facts), "utf-8")
    (tmp_path / layout.LEDGER).write_text("".join(map(sent, range(4))), "utf-8")
    (tmp_path / "c").mkdir()
    return tmp_path


def judged(recording: Recording, criterion: str, **thresholds: object) -> tuple[str, str]:
    finding = judge(criterion, recording, "c", **thresholds)
    return finding.status, finding.sentence


def test_events_tell_which_records_but_not_what_they_hold(folder: Path):
    events = line("partitions_assigned", 0, partitions=[{"topic": TOPIC, "partition": 0}])
    events += line("records_consumed", 1.5, records=spots(0, 1)) + line(
        "records_consumed", 3.5, records=spots(2)
    )
    (folder / "c" / layout.EVENTS).write_text(events, "utf-8")
    recording = load_recording(folder)
    assert judged(recording, "nothing_lost") == ("fail", "c lost 1 of 4 acked messages: low/0@3")
    assert judged(recording, "order_kept")[0] == "pass"
    assert judged(recording, "only_while_assigned")[0] == "pass"
    assert judged(recording, "content_intact") == (
        "inconclusive", "c does not tell what the records it delivered hold",
    )  # fmt: skip
    assert judged(recording, "right_place") == (
        "inconclusive",
        "c does not tell which output its records went to",
    )
    (waited,) = [r.at for r in recording.consumers["c"].delivered if r.offset == 2]
    assert waited == 3.5


def test_commits_alone_show_waiting_but_not_which_records(folder: Path):
    def committed(at: float, offset: int, *, final: bool = False) -> str:
        return line("committed_offsets", at, consumer="c", offsets=spots(offset), final=final)

    samples = committed(1.25, 1) + committed(5, 3) + committed(6, 3, final=True)
    (folder / layout.SAMPLES).write_text(samples, "utf-8")
    recording = load_recording(folder)
    assert [(r.offset, r.at) for r in recording.consumers["c"].delivered] == [(0, 1.25), (1, 5.0), (2, 5.0)]
    status, sentence = judged(recording, "oldest_wait_at_most", volume="low", seconds=5)
    assert (status, "low/0@3" in sentence) == ("fail", True)
    for criterion in (
        "nothing_lost", "content_intact", "only_acked_delivered", "right_place", "no_forbidden_duplicates",
        "order_kept", "only_while_assigned", "commits_never_ahead", "commits_caught_up", "membership_kept",
    ):  # fmt: skip
        status, sentence = judged(recording, criterion)
        assert (status, sentence[:15]) == ("inconclusive", "c does not tell")


def test_a_consumer_that_left_nothing_has_served_nobody(folder: Path):
    recording = load_recording(folder)
    assert recording.consumers["c"].delivered == []
    assert judged(recording, "oldest_wait_at_most", volume="low", seconds=5)[0] == "fail"
    assert judged(recording, "nothing_lost")[0] == "inconclusive"


def test_what_counts_while_it_runs_is_the_best_evidence(folder: Path):
    counter = DeliveryCounter(folder, SCENARIO, {"c": folder / "c"}, {"high": "high.r", "low": TOPIC})
    assert counter.told() == "c: high 0, low 0"
    (folder / layout.SAMPLES).write_text(
        line("committed_offsets", 1, consumer="c", offsets=spots(2)), "utf-8"
    )
    assert counter.totals() == {"c": 2}
    events = line("records_consumed", 1, records=spots(0, 1, 1, 2)) + line(
        "records_consumed", 2, records=[{}]
    )
    (folder / "c" / layout.EVENTS).write_text(events, "utf-8")
    assert counter.count()["c"]["low"] == 3
    (folder / "c" / "low_vol.json").write_text("".join(dump(s) + "\n" for s in spots(0, 1, 2, 3)), "utf-8")
    assert counter.count()["c"]["low"] == 4
