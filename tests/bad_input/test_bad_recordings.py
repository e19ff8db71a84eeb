"""Recordings that are cut off, mixed up or edited: named with file, line and field, or judged as what they are."""
# ruff: noqa: E501 - a row is read as a line

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fairpoll.base.errors import HistoryError
from fairpoll.checkers import judge
from fairpoll.checkers.plan import recording_is_sound
from fairpoll.evidence import layout
from fairpoll.evidence.loading import load_recording
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

# What is done to a sound recording, and what is told of it; {} is its folder.
REFUSED = {
    "no run.json": (removed("run.json"), "{}: no run.json in it; this is not a recording"),
    "run.json not JSON": (written("run.json", b"{"), "{}/run.json: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    "run.json not UTF-8": (written("run.json", b"\xff"), "{}/run.json: not UTF-8 text (byte 0)"),
    "run.json a list": (written("run.json", b"[]"), "{}/run.json: the run is '[]', not a group of keys"),
    "run.json too deep": (written("run.json", b"[" * 100_000), "{}/run.json: nested too deep"),
    "no run id": (facts(run_id=None), "{}/run.json: the run has no 'run_id'"),
    "speed 0": (facts(speed=0), "{}/run.json: the run has a speed or a duration that is not above 0"),
    "speed a text": (facts(speed="fast"), "{}/run.json: the run.speed is 'fast', not a number"),
    "a fault without a time": (facts(faults=[{"target": "broker", "what": "killed"}]), "{}/run.json: the run.faults.0 has no 'from_ms'"),
    "no such topic": (facts(topics={"high": "high.r"}), "{}/run.json: the run.topics has no 'low'"),
    "consumers a number": (facts(consumers=3), "{}/run.json: the run.consumers is '3', not a list"),
    "consumer elsewhere": (facts(consumers=["../c"]), "{}/run.json: '../c' is not the name of a file"),
    "scenario a list": (facts(scenario=[]), "{}/run.json: the run.scenario is '[]', not a group of keys"),
    "partitions a text": (replaced("run.json", '"partitions": 2', '"partitions": "2"'), "{}/run.json: the run.scenario.topics.0.partitions is '2', not a whole number"),
    "partitions without end": (replaced("run.json", '"partitions": 2', '"partitions": 20000'), "{}/run.json: the run has more than 10,000 partitions"),
    "cut off before its traffic": (facts(start_ms=None), "{}: the run was cut off before its traffic began; nothing to judge"),
    "no ledger": (removed(LEDGER), "{}/ledger.jsonl: cannot be read: No such file or directory"),
    "ledger of another run": (replaced(LEDGER, RUN_ID, "other"), "{}/ledger.jsonl: line 1: is of run 'other', but this is a recording of " + RUN_ID),
    "ledger of another scenario": (replaced(LEDGER, '"topic":"low"', '"topic":"lower"'), "{}/ledger.jsonl: line 2: the scenario has no partition 'lower/0'"),
    "ledger partition": (replaced(LEDGER, '"partition":0', '"partition":7'), "{}/ledger.jsonl: line 2: the scenario has no partition 'low/7'"),
    "ledger line not an event": (appended(LEDGER, "[1]"), "{}/ledger.jsonl: line 6: not an event but list"),
    "ledger line without a name": (appended(LEDGER, '{"timestamp":1}'), "{}/ledger.jsonl: line 6: no 'name'"),
    "ledger line without a time": (appended(LEDGER, '{"name":"x"}'), "{}/ledger.jsonl: line 6: no 'timestamp'"),
    "ledger line without a field": (replaced(LEDGER, ',"offset":0', ""), "{}/ledger.jsonl: line 2: no 'offset'"),
    "ledger field of another kind": (replaced(LEDGER, '"offset":0', '"offset":"0"'), "{}/ledger.jsonl: line 2: 'offset' is '0', not a whole number"),
    "ledger field true": (replaced(LEDGER, '"offset":0', '"offset":true'), "{}/ledger.jsonl: line 2: 'offset' is 'True', not a whole number"),
    "ledger time nan": (replaced(LEDGER, '"sent_ms":1000000.0', '"sent_ms":NaN'), "{}/ledger.jsonl: line 2: 'sent_ms' is 'nan', not a number"),
    "output without offset": (replaced(OUTPUT, '"offset":0,', ""), "{}/c/low_vol.json: line 1: no 'offset'"),
    "output with a time as text": (replaced(OUTPUT, '"delivered_ms":', '"delivered_ms":"now","x":'), "{}/c/low_vol.json: line 1: 'delivered_ms' is 'now', not a number"),
    "binary garbage in an output": (appended(OUTPUT, b'{"\xff"}\n'), "{}/c/low_vol.json: line 5: not JSON: 'utf-8' codec can't decode byte 0xff in position 2: invalid start byte"),
    "output too deep": (appended(OUTPUT, "[" * 100_000), "{}/c/low_vol.json: line 5: not JSON: maximum recursion depth exceeded while decoding a JSON array from a unicode string"),
    "a log line among the events": (appended(EVENTS, "INFO started"), "{}/c/events.jsonl: line 2: not JSON: Expecting value: line 1 column 1 (char 0)"),
    "assignment of nothing": (appended(EVENTS, '{"timestamp":1,"name":"partitions_assigned"}'), "{}/c/events.jsonl: line 2: no 'partitions'"),
    "assignment of a text": (appended(EVENTS, '{"timestamp":1,"name":"partitions_assigned","partitions":["low"]}'), "{}/c/events.jsonl: line 2: 'partitions' is not a list of topic, partition"),
    "buffers not counted": (appended(EVENTS, '{"timestamp":1,"name":"buffer_levels","partitions":[{"topic":"low.r","partition":0,"buffered":"many"}]}'), "{}/c/events.jsonl: line 2: 'buffered' is 'many', not a whole number"),
    "commit of nothing": (appended(EVENTS, '{"timestamp":1,"name":"offsets_committed","success":true}'), "{}/c/events.jsonl: line 2: no 'offsets'"),
    "samples without offsets": (replaced(SAMPLES, '"offsets":', '"offset":'), "{}/samples.jsonl: line 1: no 'offsets'"),
}  # fmt: skip


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_read_is_named(row: str, tmp_path: Path):
    edit, told = REFUSED[row]
    write_recording(tmp_path)
    load_recording(tmp_path)
    edit(tmp_path)
    with pytest.raises(HistoryError) as error:
        load_recording(tmp_path)
    assert str(error.value) == told.replace("{}", str(tmp_path))


def test_what_is_no_folder_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match="is not a folder; a recording is one"):
        load_recording(tmp_path / "file")


def test_an_output_that_is_a_folder_is_named(tmp_path: Path):
    write_recording(tmp_path)
    (tmp_path / OUTPUT).unlink()
    (tmp_path / OUTPUT).mkdir()
    with pytest.raises(HistoryError, match=r"low_vol\.json: cannot be read: Is a directory"):
        load_recording(tmp_path)


ALTERED = '"data":{"sequence_text":"message 0 of low"'
FOREIGN = '{"topic":"low.other","partition":0,"offset":9,"delivered_ms":1000001.0,"value":{"run_id":"other"}}'
# What is done, the criterion that it breaks, and how.
JUDGED = {
    "an altered record": (replaced(OUTPUT, ALTERED, ALTERED.replace("0 of", "1 of")), "content_intact", "c delivered 1 records with another content than was sent, expected none: low/0@0"),
    "half a character": (replaced(OUTPUT, ALTERED, '"data":{"sequence_text":"\\ud800"'), "content_intact", "c delivered 1 records with another content than was sent, expected none: low/0@0"),
    "a record of another run": (appended(OUTPUT, FOREIGN), "only_acked_delivered", "c delivered 1 records that the brokers never acked, expected none: low.other/0@9"),
    "a record that is gone": (written(OUTPUT, b""), "nothing_lost", "c lost 4 of 4 acked messages: low/0@0, low/0@1, low/0@2, low/0@3"),
}  # fmt: skip


@pytest.mark.parametrize("row", JUDGED)
def test_what_can_be_read_is_judged(row: str, tmp_path: Path):
    edit, criterion, told = JUDGED[row]
    write_recording(tmp_path)
    assert judge(criterion, load_recording(tmp_path), "c").status == "pass"
    edit(tmp_path)
    finding = judge(criterion, load_recording(tmp_path), "c")
    assert (finding.status, finding.sentence) == ("fail", told)


DOUBTED = {
    "empty ledger": (written(LEDGER, b""), "the producer got 0 of 4 planned messages acked"),
    "ledger cut off": (appended(LEDGER, b'{"timest'), "the last line of ledger.jsonl is cut off"),
    "samples cut off": (appended(SAMPLES, b"{"), "the last line of samples.jsonl is cut off"),
    "run cut off": (facts(complete=False), "the run was cut off before its end"),
}  # fmt: skip


@pytest.mark.parametrize("row", DOUBTED)
def test_what_proves_nothing_is_told(row: str, tmp_path: Path):
    edit, told = DOUBTED[row]
    write_recording(tmp_path)
    assert recording_is_sound(load_recording(tmp_path)).status == "pass"
    edit(tmp_path)
    finding = recording_is_sound(load_recording(tmp_path))
    assert (finding.status, finding.sentence) == ("inconclusive", told)


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
def test_a_verdict_that_cannot_be_repeated_is_named(row: str, tmp_path: Path):
    write_recording(tmp_path)
    (tmp_path / layout.VERDICT).write_bytes(VERDICTS[row])
    with pytest.raises(HistoryError) as error:
        judge_again(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/verdict.json: not a verdict of this version: ")


def test_a_folder_without_recordings_is_named(tmp_path: Path):
    with pytest.raises(HistoryError) as error:
        recordings_in(tmp_path)
    assert str(error.value) == f"{tmp_path}: no recording in it (no folder with a run.json)"
