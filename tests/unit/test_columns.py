"""Checkers on columns agree with plain ones on lists, and DuckDB agrees with the strict reader."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairpoll.base.errors import HistoryError
from fairpoll.checkers import CRITERIA
from fairpoll.checkers.finding import examples
from fairpoll.contract.events import dump
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.evidence import layout
from fairpoll.evidence.history import Committed
from fairpoll.evidence.reading import gathering, lines, tables
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.evidence.records import Acked, Delivered
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
            ack = draw(st.sampled_from([None, at + 0.1, at + 0.1, at + 5.0]))
            acked.append(Acked(topic, partition, offset, sequence, at, at, at < 0, 1, poison, ack))
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
    names = st.sampled_from([*["partitions_assigned"] * 3, *["partitions_revoked"] * 2, "startup_complete"])
    members = st.sampled_from(["", "", "member-2"])
    drawn = draw(
        st.lists(st.tuples(names, moments, st.lists(places, min_size=1, max_size=3), members), max_size=5)
    )
    events = [{**event(name, at, *owned), "member": member} for name, at, owned, member in drawn]
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
        sorted((Committed(at, *partition, offset) for at, partition, offset in commits), key=lambda c: c.at),
        DURATION,
        draw(st.sampled_from(["due", "ack"])),
    )


@some
@given(histories())
def test_columns_and_lists_agree(plain: Plain):
    history = consumer("async", *plain.delivered, events=plain.events)
    object.__setattr__(history, "commits", plain.commits)
    disturbed = {"start_ms": 0.0, "timeline": [{"at_ms": 0.0, "verb": "join", "rate": None}]}
    disturbed["waits_since"] = plain.waits_since
    made = recording(plain.acked, history, failed_ids=frozenset({"failed"}), facts=disturbed)

    def judged(criterion: str, **thresholds: object):
        return CRITERIA[criterion](made, "async", **thresholds)

    for criterion in (
        "content_intact", "only_acked_delivered", "right_place", "no_forbidden_duplicates",
        "order_kept", "only_while_assigned", "commits_never_ahead",
    ):  # fmt: skip
        wrong, finding = getattr(plain, criterion)(), judged(criterion)
        assert finding.status == ("fail" if wrong else "pass"), criterion
        assert finding.sentence.endswith(examples(wrong, len(wrong))), criterion
        assert len(wrong) in finding.figures.values(), criterion
    losses = plain.nothing_lost()
    finding = judged("nothing_lost")
    assert finding.figures["lost"] == sum(map(len, losses))
    assert finding.status == ("fail" if any(losses) else "pass")
    if any(record_id in plain.known for record_id in plain.first):
        assert [examples(lost, len(lost)) in finding.sentence for lost in losses] == [True] * 3
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


def test_consumers_start_without_what_judging_needs():
    loaded = "import sys, fairpoll.cli.main as cli; cli.command('consume'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    slow = {"numpy", "matplotlib", "duckdb", "yaml", "jsonschema", "docker", "fairpoll.cluster"}
    assert "fairpoll.consumers.fair" in done.stdout
    assert slow & set(done.stdout.split()) == set()


# Texts that JSON readers disagree on, or that are not what a field may be. DuckDB passes over a comma before
# a closing brace, and takes the first of two fields of one name; Python refuses the one and takes the last.
ODD = [
    *("7.5", "7.0", "-0", "1e3", "1E400", '"7"', "true", "null", "[]", "{}", "12345678901234567890", "NaN"),
    *("007", "1.", "-Infinity", '"\\ud800"', '"\\u00e9"', '"é"', '""', '"2026-01-01T00:00:00Z"', "", "1}"),
    *("0x1", "+1", "1e17", "1e22", "[" * 3000),
]
LINES = [
    *(b"", b" \t\r", b"[1]", b"5", b"null", b"INFO started", b'{"a":1}{"a":2}', b"{}", b"\xff", b"// no"),
    *(b'{"a":"\x00"}', b"\xef\xbb\xbf{}"),
]
KEYS = [
    *(
        "topic",
        "partition",
        "offset",
        "delivered_ms",
        "timestamp",
        "name",
        "records",
        "partitions",
        "offsets",
    ),
    *(
        "checksum",
        "value_crc32",
        "poison",
        "batch",
        "run_id",
        "sequence",
        "sent_ms",
        "value",
        "buffered",
        "at",
        "data",
        "body",
    ),
]
NESTED = Fields.parse(
    "topic=data.topic partition=data.partition offset=data.offset delivered=at value=data.body"
)
BY_ID = Fields.parse("id=data.body.id delivered=at")


def nested(line: dict, *, as_text: bool) -> dict:
    """An output line in a format of somebody else's."""
    body = json.dumps(line["value"], separators=(",", ":")) if as_text else line["value"]
    where = {name: line[name] for name in ("topic", "partition", "offset")}
    data = {**where, "body": body}
    at = (
        datetime.fromtimestamp(line["delivered_ms"] / 1000, UTC).isoformat()
        if as_text
        else line["delivered_ms"]
    )
    return {"data": json.dumps(data) if as_text else data, "at": at}


def loaded(folder: Path, small: int, monkeypatch: pytest.MonkeyPatch) -> tuple | str:
    """What is read, or the error, when files from this size on are read by DuckDB."""
    monkeypatch.setattr(tables, "SMALL_BYTES", small)
    try:
        read = load_recording(folder)
    except HistoryError as error:
        return str(error)
    history = read.consumers["c"]
    return (
        list(read.acked),
        read.failed_ids,
        list(history.delivered),
        history.events,
        history.evidence,
        history.unreadable,
    )


@st.composite
def odd_recordings(draw: st.DrawFn) -> Callable[[Path], None]:
    """Changes a sound recording: its consumer's format, a field or a line somewhere, its end."""
    fields = draw(st.sampled_from([OUR_FIELDS, OUR_FIELDS, NESTED, BY_ID]))
    as_text = draw(st.booleans())
    reported = draw(st.booleans())
    name = draw(st.sampled_from(["ledger.jsonl", "c/low_vol.json", "c/events.jsonl"]))
    changes = draw(
        st.lists(st.tuples(st.integers(0, 9), st.sampled_from(KEYS), st.sampled_from(ODD)), max_size=2)
    )
    added = draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(LINES)), max_size=2))
    end = draw(st.sampled_from([b"", b"", b"", b"{", b" ", b'{"a":1}']))
    spaced = draw(st.booleans())

    def change(folder: Path) -> None:
        output = folder / "c" / "low_vol.json"
        lines = [json.loads(line) for line in output.read_bytes().splitlines()]
        if fields != OUR_FIELDS:
            output.write_text("".join(dump(nested(line, as_text=as_text)) + "\n" for line in lines), "utf-8")
            facts = json.loads((folder / "run.json").read_text("utf-8"))
            (folder / "run.json").write_text(json.dumps({**facts, "fields": {"c": asdict(fields)}}), "utf-8")
        with (folder / "c" / "events.jsonl").open("a") as file:
            where = [{key: line[key] for key in ("topic", "partition", "offset")} for line in lines]
            for number, records in enumerate([where[:1], where[1:3], [], where[3:]]):
                consumed = {
                    "timestamp": 1_000_500.125 + number,
                    "name": "records_consumed",
                    "records": records,
                }
                file.write(dump(consumed) + "\n")
        if reported:
            output.unlink()
        if not (folder / name).exists():
            return
        texts = (folder / name).read_bytes().splitlines()
        for at, key, odd in changes:
            line = texts[at % len(texts)].decode()
            changed = re.sub(rf'("{key}":)("[^"]*"|[^,}}\]]*)', lambda m, odd=odd: m[1] + odd, line, count=1)
            texts[at % len(texts)] = changed.encode()
        for at, line in added:
            texts.insert(at % len(texts), line)
        if spaced:
            texts = [text.replace(b'":', b'" : ') for text in texts]
        (folder / name).write_bytes(b"".join(text + b"\n" for text in texts) + end)

    return change


@settings(some, max_examples=60)
@given(odd_recordings())
def test_duckdb_and_the_strict_reader_agree(change: Callable[[Path], None]):
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as monkeypatch:
        write_recording(Path(name))
        change(Path(name))
        strict = loaded(Path(name), 1 << 60, monkeypatch)
        assert loaded(Path(name), 0, monkeypatch) == strict


def test_slices_fit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_recording(tmp_path)
    whole = loaded(tmp_path, 0, monkeypatch)
    for module in (tables, lines):
        monkeypatch.setattr(module, "SLICE_LINES", 3)
    assert loaded(tmp_path, 0, monkeypatch) == loaded(tmp_path, 1 << 60, monkeypatch) == whole


def test_a_value_that_is_byte_for_byte_what_was_sent_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_recording(tmp_path)
    whole = loaded(tmp_path, 1 << 60, monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(gathering, "content_of", None)
        assert loaded(tmp_path, 0, monkeypatch) == whole


def test_a_ledger_of_an_earlier_version_has_no_checksum_of_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_recording(tmp_path)
    whole = loaded(tmp_path, 0, monkeypatch)
    ledger = tmp_path / layout.LEDGER
    ledger.write_text(re.sub(r', ?"value_crc32": ?\d+', "", ledger.read_text("utf-8")), "utf-8")
    for small in (0, 1 << 60):
        assert loaded(tmp_path, small, monkeypatch)[1:] == whole[1:]


def test_content_without_a_value_or_with_null_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_recording(tmp_path)
    output = tmp_path / "c" / "low_vol.json"
    first, second, *others = [json.loads(line) for line in output.read_bytes().splitlines()]
    del first["value"]
    lines = [first, {**second, "value": None}, *others]
    output.write_text("".join(dump(line) + "\n" for line in lines), "utf-8")
    for small in (0, 1 << 60):
        _, _, delivered, _, evidence, _ = loaded(tmp_path, small, monkeypatch)
        assert [record.checksum is None for record in delivered] == [True, True, False, False]
        assert "contents" in evidence
    output.write_text("".join(dump({**line, "value": None}) + "\n" for line in lines), "utf-8")
    for small in (0, 1 << 60):
        assert "contents" not in loaded(tmp_path, small, monkeypatch)[4]
