"""Recordings that are cut off, mixed up or edited: named with file, line and field, or judged as what they are."""
# ruff: noqa: E501 - a row is read as a line

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fairpoll.base.errors import HistoryError
from fairpoll.checkers import judge
from fairpoll.checkers.plan import recording_is_sound
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.verdicts.rejudge import judge_again, recordings_in
from fairpoll.verdicts.verdict import Verdict
from recordings import RUN_ID, write_recording

Edit = Callable[[Path], None]


def replaced(name: str, old: str, new: str) -> Edit:
    def edit(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), "utf-8")

    return edit


def appended(name: str, line: str | bytes) -> Edit:
    def edit(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(line if isinstance(line, bytes) else line.encode() + b"\n")

    return edit


def facts(**changes: object) -> Edit:
    def edit(folder: Path) -> None:
        data = json.loads((folder / layout.RUN).read_text("utf-8"))
        kept = {key: value for key, value in {**data, **changes}.items() if value is not None}
        (folder / layout.RUN).write_text(json.dumps(kept), "utf-8")

    return edit


def written(name: str, content: bytes) -> Edit:
    return lambda folder: (folder / name).write_bytes(content) and None


def removed(name: str) -> Edit:
    return lambda folder: (folder / name).unlink()


LEDGER, OUTPUT, EVENTS, SAMPLES = "ledger.jsonl", "c/low_vol.json", "c/events.jsonl", "samples.jsonl"

# What is done to a sound recording.
REFUSED = {
    "no run.json": removed("run.json"),
    "run.json not JSON": written("run.json", b"{"),
    "run.json not UTF-8": written("run.json", b"\xff"),
    "run.json a list": written("run.json", b"[]"),
    "run.json too deep": written("run.json", b"[" * 100_000),
    "no run id": facts(run_id=None),
    "speed 0": facts(speed=0),
    "speed a text": facts(speed="fast"),
    "a fault without a time": facts(faults=[{"target": "broker", "what": "killed"}]),
    "no such topic": facts(topics={"high": "high.r"}),
    "consumers a number": facts(consumers=3),
    "consumer elsewhere": facts(consumers=["../c"]),
    "scenario a list": facts(scenario=[]),
    "partitions a text": replaced("run.json", '"partitions": 2', '"partitions": "2"'),
    "partitions without end": replaced("run.json", '"partitions": 2', '"partitions": 20000'),
    "cut off before its traffic": facts(start_ms=None),
    "no ledger": removed(LEDGER),
    "ledger of another run": replaced(LEDGER, RUN_ID, "other"),
    "ledger of another scenario": replaced(LEDGER, '"topic":"low"', '"topic":"lower"'),
    "ledger partition": replaced(LEDGER, '"partition":0', '"partition":7'),
    "ledger line not an event": appended(LEDGER, "[1]"),
    "ledger line without a name": appended(LEDGER, '{"timestamp":1}'),
    "ledger line without a time": appended(LEDGER, '{"name":"x"}'),
    "ledger line without a field": replaced(LEDGER, ',"offset":0', ""),
    "ledger field of another kind": replaced(LEDGER, '"offset":0', '"offset":"0"'),
    "ledger field true": replaced(LEDGER, '"offset":0', '"offset":true'),
    "ledger time nan": replaced(LEDGER, '"sent_ms":1000000.0', '"sent_ms":NaN'),
    "samples without offsets": replaced(SAMPLES, '"offsets":', '"offset":'),
}  # fmt: skip


# One line of the consumer's files that cannot be read: it is named, and every other line is judged.
UNREADABLE = {
    "output without offset": replaced(OUTPUT, '"offset":0,', ""),
    "output with a time as text": replaced(OUTPUT, '"delivered_ms":', '"delivered_ms":"now","x":'),
    "binary garbage in an output": appended(OUTPUT, b'{"\xff"}\n'),
    "output too deep": appended(OUTPUT, "[" * 100_000),
    "NUL bytes in an output": appended(OUTPUT, b"\0" * 512 + b"\n"),
    "a torn line in an output": replaced(OUTPUT, "}\n", "\n"),
    "a dead letter without offset": appended("c/dead_letters.json", '{"topic":"low.r","partition":0,"delivered_ms":1}'),
    "a log line among the events": appended(EVENTS, "INFO started"),
    "assignment of nothing": appended(EVENTS, '{"timestamp":1,"name":"partitions_assigned"}'),
    "assignment of a text": appended(EVENTS, '{"timestamp":1,"name":"partitions_assigned","partitions":["low"]}'),
    "buffers not counted": appended(EVENTS, '{"timestamp":1,"name":"buffer_levels","partitions":[{"topic":"low.r","partition":0,"buffered":"many"}]}'),
    "commit of nothing": appended(EVENTS, '{"timestamp":1,"name":"offsets_committed","success":true}'),
}  # fmt: skip


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_read_is_named(row: str, tmp_path: Path, snapshot: SnapshotAssertion):
    edit = REFUSED[row]
    write_recording(tmp_path)
    load_recording(tmp_path)
    edit(tmp_path)
    with pytest.raises(HistoryError) as error:
        load_recording(tmp_path)
    assert str(error.value) == snapshot


@pytest.mark.parametrize("row", UNREADABLE)
def test_a_line_that_cannot_be_read_voids_only_itself(row: str, tmp_path: Path, snapshot: SnapshotAssertion):
    write_recording(tmp_path)
    whole = load_recording(tmp_path).consumers["c"]
    UNREADABLE[row](tmp_path)
    read = load_recording(tmp_path).consumers["c"]
    lost = len(whole.delivered) - len(read.delivered)
    assert (len(whole.unreadable), len(read.unreadable)) == (0, 1)
    assert lost == (
        1 if row in ("output without offset", "output with a time as text", "a torn line in an output") else 0
    )
    assert list(read.events) == list(whole.events)
    assert [str(line) for line in read.unreadable.first] == snapshot


NO_LINE_READABLE = {
    "no output line has an offset": lambda folder: (folder / OUTPUT).write_text(
        (folder / OUTPUT).read_text("utf-8").replace('"offset":', '"position":'), "utf-8"
    ),
    "no output line is JSON": written(OUTPUT, b"one\ntwo\n"),
    "only log lines": lambda folder: (removed(OUTPUT)(folder), written(EVENTS, b"INFO a\nINFO b\n")(folder)),
}


@pytest.mark.parametrize("row", NO_LINE_READABLE)
def test_a_consumer_without_a_readable_line_is_an_error(
    row: str, tmp_path: Path, snapshot: SnapshotAssertion
):
    write_recording(tmp_path)
    NO_LINE_READABLE[row](tmp_path)
    with pytest.raises(HistoryError) as error:
        load_recording(tmp_path)
    assert str(error.value) == snapshot


def test_unreadable_lines_are_counted_and_the_first_are_kept(tmp_path: Path):
    write_recording(tmp_path)
    appended(EVENTS, b"INFO\n\n" * 5_000)(tmp_path)
    unreadable = load_recording(tmp_path).consumers["c"].unreadable
    assert (len(unreadable), unreadable.events, unreadable.outputs) == (5_000, 5_000, 0)
    assert [line.number for line in unreadable.first] == [2 * n for n in range(1, 101)]


def test_what_is_no_folder_is_named(tmp_path: Path, snapshot: SnapshotAssertion):
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError) as error:
        load_recording(tmp_path / "file")
    assert str(error.value) == snapshot


def test_an_output_that_is_a_folder_is_named(tmp_path: Path, snapshot: SnapshotAssertion):
    write_recording(tmp_path)
    (tmp_path / OUTPUT).unlink()
    (tmp_path / OUTPUT).mkdir()
    with pytest.raises(HistoryError) as error:
        load_recording(tmp_path)
    assert str(error.value) == snapshot


ALTERED = '"data":{"sequence_text":"message 0 of low"'
FOREIGN = '{"topic":"low.other","partition":0,"offset":9,"delivered_ms":1000001.0,"value":{"run_id":"other"}}'
# What is done, and the criterion that it breaks.
JUDGED = {
    "an altered record": (replaced(OUTPUT, ALTERED, ALTERED.replace("0 of", "1 of")), "content_intact"),
    "half a character": (replaced(OUTPUT, ALTERED, '"data":{"sequence_text":"\\ud800"'), "content_intact"),
    "a record of another run": (appended(OUTPUT, FOREIGN), "only_acked_delivered"),
    "a record that is gone": (written(OUTPUT, b""), "nothing_lost"),
}  # fmt: skip


@pytest.mark.parametrize("row", JUDGED)
def test_what_can_be_read_is_judged(row: str, tmp_path: Path, snapshot: SnapshotAssertion):
    edit, criterion = JUDGED[row]
    write_recording(tmp_path)
    assert judge(criterion, load_recording(tmp_path), "c").status == "pass"
    edit(tmp_path)
    finding = judge(criterion, load_recording(tmp_path), "c")
    assert finding.status == "fail"
    assert finding.sentence == snapshot


DOUBTED = {
    "empty ledger": written(LEDGER, b""),
    "ledger cut off": appended(LEDGER, b'{"timest'),
    "samples cut off": appended(SAMPLES, b"{"),
    "run cut off": facts(complete=False),
}  # fmt: skip


@pytest.mark.parametrize("row", DOUBTED)
def test_what_proves_nothing_is_told(row: str, tmp_path: Path, snapshot: SnapshotAssertion):
    edit = DOUBTED[row]
    write_recording(tmp_path)
    assert recording_is_sound(load_recording(tmp_path)).status == "pass"
    edit(tmp_path)
    finding = recording_is_sound(load_recording(tmp_path))
    assert finding.status == "inconclusive"
    assert finding.sentence == snapshot


@pytest.mark.parametrize("name", [OUTPUT, EVENTS])
def test_a_consumers_cut_off_line_is_passed_over_and_told(name: str, tmp_path: Path):
    write_recording(tmp_path)
    whole = load_recording(tmp_path)
    appended(name, b'{"topic":"low')(tmp_path)
    recording = load_recording(tmp_path)
    assert recording.consumers == whole.consumers
    assert (whole.cut_off, recording.cut_off) == ((), (name,))
    assert recording_is_sound(recording).status == "pass"
    assert Verdict(recording).judged.cut_off == (name,)


VERDICTS = {
    "not JSON": b"{",
    "not UTF-8": b"\xff",
    "a list": b"[]",
    "findings a number": b'{"findings": 3}',
    "a finding a text": b'{"findings": ["x"]}',
    "an unknown criterion": b'{"findings": [{"check": "x", "consumer": "c", "thresholds": {}}]}',
    "an unknown consumer": b'{"findings": [{"check": "nothing_lost", "consumer": "x", "thresholds": {}}]}',
    "an unknown threshold": b'{"findings": [{"check": "nothing_lost", "consumer": "c", "thresholds": {"x": 1}}]}',
    "thresholds of another kind": b'{"findings": [{"check": "no_stall", "consumer": "c", "thresholds": {"seconds": "x"}}]}',
}


@pytest.mark.parametrize("row", VERDICTS)
def test_a_verdict_that_cannot_be_repeated_is_named(row: str, tmp_path: Path, snapshot: SnapshotAssertion):
    write_recording(tmp_path)
    (tmp_path / layout.VERDICT).write_bytes(VERDICTS[row])
    with pytest.raises(HistoryError) as error:
        judge_again(tmp_path)
    assert str(error.value) == snapshot


def test_a_folder_without_recordings_is_named(tmp_path: Path, snapshot: SnapshotAssertion):
    with pytest.raises(HistoryError) as error:
        recordings_in(tmp_path)
    assert str(error.value) == snapshot
