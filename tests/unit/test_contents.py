"""Content is compared by its meaning, in output files and in dead letters."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairpoll.checkers import judge
from fairpoll.checkers.finding import Finding
from fairpoll.contract.events import dump
from fairpoll.contract.records import DEAD_LETTERS, checksum_of
from fairpoll.evidence import layout
from fairpoll.evidence.reading import tables
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.producer.messages import build_message
from recordings import RUN_ID, SCENARIO, START_MS, TOPIC, write_recording

Line = dict[str, Any]
NOT_JSON = f"not JSON: {RUN_ID}:low:1"


def rewritten(folder: Path, change: Callable[[Line], str]) -> Finding:
    """The finding on a recording whose output lines are written by `change`."""
    write_recording(folder)
    output = folder / "c" / "low_vol.json"
    lines = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    output.write_text("".join(change(line) + "\n" for line in lines), "utf-8")
    return judge("content_intact", load_recording(folder), "c")


def with_value(change: Callable[[Line], object]) -> Callable[[Line], str]:
    return lambda line: dump({**line, "value": change(line["value"])})


def without(field: str) -> Callable[[Line], Line]:
    return lambda value: {name: item for name, item in value.items() if name != field}


def numbers_as_text(line: Line) -> str:
    """Whole numbers with a fraction or an exponent, fractions without one."""
    text = dump(line)
    value = line["value"]
    whole = f'"intended_ms":{value["intended_ms"]!r}'
    assert whole in text
    text = text.replace(whole, f'"intended_ms":{value["intended_ms"]:.0f}')
    return text.replace('"batch_id":1,', '"batch_id":1.0,').replace('"batch_id":2,', '"batch_id":2e0,')


@pytest.mark.parametrize("small", [0, 1 << 60])
@pytest.mark.parametrize(
    "change",
    [
        lambda line: json.dumps(line, sort_keys=True),
        lambda line: json.dumps(line, indent=None, separators=(" , ", " :  ")),
        lambda line: dump(line).replace("message", "\\u006dessage"),
        numbers_as_text,
        with_value(without("checksum")),
        with_value(dump),
        with_value(lambda value: json.dumps(value, sort_keys=True, indent=1)),
    ],
    ids=["key order", "white space", "escapes", "numbers", "no checksum", "text", "text, sorted"],
)
def test_another_notation_is_no_alteration(
    change: Callable[[Line], str], small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tables, "SMALL_BYTES", small)
    finding = rewritten(tmp_path, change)
    assert (finding.status, finding.figures) == ("pass", {"count": 0})


@pytest.mark.parametrize(
    "change",
    [
        without("timestamp"),
        lambda value: {**value, "priority": "high"},
        lambda value: {**value, "sequence": value["sequence"] + 0.5},
        lambda value: {**value, "sequence": str(value["sequence"])},
        lambda value: {**value, "data": {**value["data"], "value": -1}},
        lambda value: {**value, "checksum": 1},
    ],
    ids=["missing", "extra", "fraction", "text", "nested", "checksum"],
)
def test_another_field_or_value_is_an_alteration(change: Callable[[Line], Line], tmp_path: Path):
    assert rewritten(tmp_path, with_value(change)).figures == {"count": 4}


def test_a_body_with_every_field_is_in_the_order_of_the_producer():
    topic = replace(SCENARIO.topics[1], priority="high")
    _, value, checksum, _ = build_message(topic, RUN_ID, 3, -1, 1_795_436_968_060.5)
    body = json.loads(value)
    assert checksum_of(dict(reversed(body.items()))) == checksum == body["checksum"]
    assert dump(body).encode() == value


def test_a_line_without_a_value_is_unknown_and_an_altered_one_beside_it_fails(tmp_path: Path):
    def change(line: Line) -> str:
        return dump({**line, "value": None} if line["offset"] < 2 else line)

    finding = rewritten(tmp_path, change)
    assert finding.status == "inconclusive"
    assert finding.sentence.startswith("2 of 4 lines of c have no value, so that the content is unknown (")

    def both(line: Line) -> str:
        return change(line) if line["offset"] < 3 else dump({**line, "value": {"id": "other"}})

    (tmp_path / "other").mkdir()
    finding = rewritten(tmp_path / "other", both)
    assert (finding.status, finding.figures) == ("fail", {"count": 1})


def test_without_any_value_the_reason_is_named(tmp_path: Path):
    finding = rewritten(tmp_path, with_value(lambda _: None))
    assert (finding.status, finding.sentence) == (
        "inconclusive",
        "no line of c has a value, so that the content of its records is unknown",
    )


def put_aside(folder: Path, *letters: Line) -> None:
    """A recording in which message 1 is poison, with these dead letters."""
    write_recording(folder)
    topic = replace(SCENARIO.topics[1], poison=(1,))
    _, value, checksum, crc = build_message(topic, RUN_ID, 1, 1, START_MS + 1000)
    assert value.decode() == NOT_JSON
    ledger = [json.loads(line) for line in (folder / layout.LEDGER).read_text("utf-8").splitlines()]
    ledger[2] |= {"checksum": checksum, "value_crc32": crc, "poison": True}
    (folder / layout.LEDGER).write_text("".join(dump(line) + "\n" for line in ledger), "utf-8")
    output = folder / "c" / "low_vol.json"
    lines = output.read_text("utf-8").splitlines(keepends=True)
    output.write_text("".join(lines[:1] + lines[2:]), "utf-8")
    where = {"topic": TOPIC, "partition": 0, "offset": 1}
    written = [dump({**where, **letter}) + "\n" for letter in letters]
    (folder / "c" / DEAD_LETTERS).write_text("".join(written), "utf-8")


@pytest.mark.parametrize(
    ("letters", "criterion", "sentence"),
    [
        (
            [],
            "nothing_lost",
            "c dropped 1 poison message without a trace, expected a dead letter ",
        ),
        (["not JSON"], "content_intact", "c delivered 1 record whose content differs from what was sent, "),
        ([NOT_JSON, NOT_JSON], "no_forbidden_duplicates", "c redelivered 1 record that was committed, or "),
        ([NOT_JSON], "", ""),
    ],
    ids=["emptied", "altered", "twice", "as it was sent"],
)
def test_dead_letters_are_judged_for_loss_content_and_repetition(
    letters: list[str], criterion: str, sentence: str, tmp_path: Path
):
    at = START_MS + 1500
    put_aside(tmp_path, *({"delivered_ms": at + n, "value": text} for n, text in enumerate(letters)))
    recording = load_recording(tmp_path)
    for judged in ("nothing_lost", "content_intact", "no_forbidden_duplicates", "right_place"):
        finding = judge(judged, recording, "c")
        assert finding.status == ("fail" if judged == criterion else "pass"), finding.sentence
        if judged == criterion:
            assert finding.sentence.startswith(sentence)


def test_a_dead_letter_without_a_value_is_unknown_content(tmp_path: Path):
    put_aside(tmp_path, {"delivered_ms": START_MS + 1500})
    finding = judge("content_intact", load_recording(tmp_path), "c")
    assert finding.sentence.startswith("1 of 4 lines of c has no value, so that the content is unknown (")
