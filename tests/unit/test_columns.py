"""Checkers on columns agree with plain ones on lists, and reading by spelling agrees with strict reading."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairpoll.checkers import CRITERIA
from fairpoll.checkers.finding import examples
from fairpoll.contract.events import dump
from fairpoll.evidence import bulk
from fairpoll.evidence.blocks import blocks
from fairpoll.evidence.history import Committed
from fairpoll.evidence.loading import load_recording
from fairpoll.evidence.records import Acked, Delivered
from fairpoll.evidence.spelling import Names, Spelling, learn
from histories import consumer, event, recording
from plain import Plain
from recordings import write_recording

PARTITIONS = [("high", 0), ("high", 1), ("low", 0)]
DURATION = 60.0
some = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
moments = st.floats(-5, 70).map(lambda second: round(second, 1))
places = st.sampled_from(PARTITIONS)


@st.composite
def histories(draw: st.DrawFn) -> Plain:
    """Messages that were lost, repeated, reordered, misplaced, altered, or that nobody sent."""
    acked, delivered = [], []
    for topic, partition in PARTITIONS:
        offset = draw(st.integers(0, 3))
        for sequence in range(draw(st.integers(0, 6))):
            at, poison = draw(moments), draw(st.integers(0, 9)) == 0
            acked.append(Acked(topic, partition, offset, sequence, at, at, at < 0, 1, poison))
            for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2, 3]))):
                changes = draw(st.fixed_dictionaries({}, optional={
                    "checksum": st.just(2), "output": st.just("elsewhere.json"), "member": st.just("member-2")
                }))  # fmt: skip
                fields = {"checksum": 1, "output": f"{topic}_vol.json", "member": "", **changes}
                later = draw(st.sampled_from([0.1, 0.1, 0.1, 0.5, 7.0, 30.0]))
                delivered.append(Delivered(topic, partition, offset, at + later, "", **fields))
            offset += draw(st.sampled_from([1, 1, 1, 3]))
    for topic, partition in draw(st.lists(st.sampled_from([*PARTITIONS, ("other", 7)]), max_size=3)):
        message_id = draw(st.sampled_from(["", "failed", "x"]))
        at, offset = draw(moments), draw(st.integers(20, 22))
        delivered.append(Delivered(topic, partition, offset, at, message_id, 1, f"{topic}_vol.json"))
    names = st.sampled_from(["partitions_assigned", "partitions_assigned", "partitions_revoked"])
    members = st.sampled_from(["", "", "member-2"])
    told = draw(
        st.lists(st.tuples(names, moments, st.lists(places, min_size=1, max_size=3), members), max_size=5)
    )
    events = [{**event(name, at, *spots), "member": member} for name, at, spots, member in told]
    for revoked in events:
        if revoked["name"] == "partitions_revoked" and draw(st.integers(0, 3)) == 0:
            revoked["lost"] = True
    events = [event("partitions_assigned", -6, *PARTITIONS), *events]
    commits = draw(st.lists(st.tuples(moments, places, st.integers(0, 12)), max_size=6))
    return Plain(
        PARTITIONS,
        draw(st.permutations(acked)),
        sorted(delivered, key=lambda record: record.at),
        sorted(events, key=lambda one: one["at"]),
        sorted((Committed(at, *spot, offset) for at, spot, offset in commits), key=lambda c: c.at),
        DURATION,
    )


@some
@given(histories())
def test_columns_and_lists_agree(plain: Plain):
    history = consumer("c", *plain.delivered, events=plain.events)
    object.__setattr__(history, "commits", plain.commits)
    disturbed = {"start_ms": 0.0, "timeline": [{"at_ms": 0.0, "verb": "join", "rate": None}]}
    made = recording(plain.acked, history, failed_ids=frozenset({"failed"}), facts=disturbed)

    def judged(criterion: str, **thresholds: object):
        return CRITERIA[criterion](made, "c", **thresholds)

    for criterion in (
        "nothing_lost", "content_intact", "only_acked_delivered", "right_place", "no_forbidden_duplicates",
        "order_kept", "only_while_assigned", "commits_never_ahead",
    ):  # fmt: skip
        wrong, finding = getattr(plain, criterion)(), judged(criterion)
        assert finding.status == ("fail" if wrong else "pass"), criterion
        assert finding.sentence.endswith(examples(wrong, len(wrong))), criterion
        assert len(wrong) in finding.figures.values(), criterion
    for volume in ("high", "low"):
        wait = judged("oldest_wait_at_most", volume=volume, seconds=5).figures["oldest_wait_seconds"]
        assert wait == round(plain.oldest_wait([volume]), 3)
        latency = judged("latency_at_most", volume=volume, percentile=90, seconds=5)
        assert latency.figures["latency_seconds"] == round(plain.latency([volume], 90), 3)
        count = judged("delivered_at_least", volume=volume, records=1).figures["delivered"]
        assert count == plain.delivered_in_window([volume])
        due = judged("due_messages_delivered", volume=volume, seconds=5)
        assert due.figures["missing"] == plain.due_missing([volume], 5)
    length, since = plain.longest_silence([p for p in PARTITIONS if plain.by_partition[p]])
    assert judged("no_stall", seconds=5).figures == {
        "longest_silence_seconds": round(length, 3),
        "since_seconds": round(since, 3),
    }
    each = [plain.longest_silence([partition])[0] for partition in PARTITIONS]
    silent = judged("every_partition_served", seconds=5).figures
    assert silent == {
        "silent_partitions": sum(length > 5 for length in each),
        "longest_silence_seconds": round(max(each), 3),
    }


FIELDS = {"topic": str, "offset": int, "ms": float}
whole_numbers = st.integers(-(10**17), 10**17) | st.integers(-20, 20)
times = (
    st.floats(1.7e12, 1.9e12).map(lambda ms: round(ms, 3)) | st.floats(-1e18, 1e18) | whole_numbers.map(float)
)
topics = st.sampled_from(["low.r", "high", "é", "a-name-of-more-than-eight-bytes", ""])


@some
@given(
    st.lists(st.tuples(topics, whole_numbers, times), min_size=1, max_size=30),
    st.sampled_from([dump, json.dumps]),
)
def test_what_fits_a_spelling_is_what_json_says(tmp_path_factory, lines: list[tuple[str, int, float]], spell):
    path: Path = tmp_path_factory.mktemp("spelled") / "lines"
    said = [{"topic": topic, "offset": offset, "x": [1, "y"], "ms": ms} for topic, offset, ms in lines]
    path.write_text("".join(spell(line) + "\n" for line in said), "utf-8")
    parts = learn(spell({**said[0], "topic": "t", "offset": 5, "ms": 1.5}).encode(), FIELDS)
    assert parts
    names = Names()
    (block,) = blocks(path)
    fits, columns = Spelling(parts, {}).read(block, np.arange(len(lines)), names)
    for row in np.flatnonzero(fits):
        topic, offset, ms = (columns[name][row] for name in FIELDS)
        assert (names.known[topic], int(offset), float(ms)) == lines[row]
    for fit, (topic, offset, ms) in zip(fits, lines, strict=True):
        usual = topic.isascii() and abs(offset) < 1e15 and (ms == 0 or 1e12 < ms < 2e12)
        assert fit or not usual


@pytest.mark.parametrize(
    "wrong", ["007", "1e3", "1.", ".5", "--1", "true", '"1"', "1 ", "99999999999999999", "0x1", ""]
)
def test_what_json_or_the_strict_reader_refuses_fits_no_spelling(wrong: str, tmp_path: Path):
    parts = learn(b'{"offset":5}', {"offset": int})
    assert parts
    (tmp_path / "lines").write_text(f'{{"offset":{wrong}}}\n{{"offset":12}}\n', "utf-8")
    (block,) = blocks(tmp_path / "lines")
    assert Spelling(parts, {}).read(block, np.arange(2), Names())[0].tolist() == [False, True]


@pytest.mark.parametrize(
    "line",
    [
        b'{"offset":1e5}',
        b'{"a":{"offset":1},"offset":1}',
        b'{"o":"\\"","offset":1}',
        b'{"offset":"1"}',
        b"{}",
    ],
)
def test_a_line_in_doubt_teaches_no_spelling(line: bytes):
    assert learn(line, {"offset": int}) is None


def test_lines_longer_than_a_block_and_a_cut_off_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fairpoll.evidence.blocks.BLOCK_BYTES", 16)
    lines = [b"a" * size for size in (3, 0, 100, 15, 16, 17, 1000, 1)]
    (tmp_path / "f").write_bytes(b"\n".join(lines) + b"\ncut off")
    found: Iterator[tuple[int, bytes]] = (
        (block.first_number + row, block.line(row))
        for block in blocks(tmp_path / "f")
        for row in range(len(block.starts))
    )
    assert list(found) == [(number, line + b"\n") for number, line in enumerate(lines, 1)]


def test_consumers_start_without_what_judging_needs():
    loaded = "import sys, fairpoll.cli.main as cli; cli.command('consume'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    slow = {"numpy", "matplotlib", "duckdb", "yaml", "jsonschema", "docker", "fairpoll.cluster"}
    assert "fairpoll.consumers.fair" in done.stdout
    assert slow & set(done.stdout.split()) == set()


def test_read_by_spelling_or_strictly_a_recording_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_recording(tmp_path)
    spots = [{"topic": "low.r", "partition": 0, "offset": n} for n in range(4)]
    told = [spots[:1], spots[1:3], spots[3:]]
    with (tmp_path / "c" / "events.jsonl").open("a") as file:
        for number, records in enumerate(told):
            at = 1_000_500.125 + number
            file.write(dump({"timestamp": at, "name": "records_consumed", "records": records}) + "\n")
    for outputs in (True, False):
        if not outputs:
            (tmp_path / "c" / "low_vol.json").unlink()
        spelled = load_recording(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(bulk.Reader, "_take", lambda _self, _spelling, rows, _lines: rows)
            strictly = load_recording(tmp_path)
        assert list(spelled.acked) == list(strictly.acked)
        assert spelled.consumers == strictly.consumers
        assert len(spelled.consumers["c"].delivered) == 4
