"""Times that a sink rounds, or states late for a whole batch, show their precision and no early commit."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fairpoll.checkers import judge
from fairpoll.checkers.finding import Finding
from fairpoll.contract.events import dump
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from recordings import START_MS, TOPIC, write_recording

MESSAGES = 40
OUTPUT = "c/low_vol.json"


def written_ms(number: int) -> float:
    """When the line of this message was written: at another fraction of each second."""
    return START_MS + number * 1000 + 500 + number * 37 % 500


def run(folder: Path, stated: Callable[[float], float], commit_ms: float, *, observed: bool = True) -> Path:
    """Each line states this time of its write, and is committed this much later, by the broker's own log."""
    folder.mkdir()
    write_recording(folder, MESSAGES)
    output, text, size = folder / OUTPUT, "", 0
    lines = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    samples = [{"timestamp": START_MS, "name": "offsets_log", "problem": "", "exact": True, "members": False}]
    with output.open("w", encoding="utf-8") as file:
        for number, line in enumerate(lines):
            at = written_ms(number)
            size += file.write(dump({**line, "delivered_ms": stated(at)}) + "\n")
            wide = 200 if number % 10 == 5 else 0  # the machine was busy
            seen = {"timestamp": at + 25 + wide, "since": at - 15, "sizes": {OUTPUT: size}}
            text += dump({"name": "files_grown", **seen}) + "\n"
            offsets = [{"topic": TOPIC, "partition": 0, "offset": number + 1}]
            commit = {"name": "committed_offsets", "offsets": offsets, "final": False, "log": True}
            samples.append({"timestamp": int(at + commit_ms), **commit})
    with (folder / layout.SAMPLES).open("a", encoding="utf-8") as file:
        file.writelines(dump({**sample, "consumer": "c"}) + "\n" for sample in samples)
    if observed:
        (folder / layout.OBSERVED).write_text(text, "utf-8")
    return folder


def ahead(folder: Path) -> Finding:
    return judge("commits_never_ahead", load_recording(folder), "c")


def to_seconds(at: float) -> float:
    """As DATETIME of MySQL rounds."""
    return round(at / 1000) * 1000.0


def down_to_seconds(at: float) -> float:
    return at // 1000 * 1000


def to_tenths(at: float) -> float:
    return round(at / 100) * 100.0


def late(at: float) -> float:
    """A whole batch has the time at which it was complete."""
    return at + 100.25


ROUNDED = [to_seconds, down_to_seconds, to_tenths, late]


@pytest.mark.parametrize("stated", ROUNDED)
def test_the_observation_decides_where_there_is_one(stated: Callable[[float], float], tmp_path: Path):
    correct = run(tmp_path / "correct", stated, 3)
    assert ahead(correct).status == "pass"
    assert judge("clock_honest", load_recording(correct), "c").status == "pass"
    early = ahead(run(tmp_path / "early", stated, -100))
    assert (early.status, early.figures["ahead"]) == ("fail", MESSAGES)


@pytest.mark.parametrize(
    ("stated", "unit"),
    [(to_seconds, "seconds"), (down_to_seconds, "seconds"), (to_tenths, "tenths of a second")],
)
def test_without_an_observation_what_may_be_rounding_is_in_doubt(
    stated: Callable[[float], float], unit: str, tmp_path: Path
):
    for commit_ms in (3, -30):  # a correct consumer, and one that commits one record ahead
        finding = ahead(run(tmp_path / str(commit_ms), stated, commit_ms, observed=False))
        assert finding.status == "inconclusive"
        assert finding.sentence.startswith(
            f"the times of c are whole {unit}, so that this may be their rounding: "
        )
    assert ahead(run(tmp_path / "far ahead", stated, -1600, observed=False)).status == "fail"
    assert ahead(run(tmp_path / "long after", stated, 1600, observed=False)).status == "pass"


@pytest.mark.parametrize("observed", [True, False])
def test_times_of_a_millisecond_are_exact(observed: bool, tmp_path: Path):
    assert ahead(run(tmp_path / "correct", float, 3, observed=observed)).status == "pass"
    # Without an observation, the times of two processes may differ by 50 ms.
    status = "fail" if observed else "pass"
    assert ahead(run(tmp_path / "early", float, -5, observed=observed)).status == status
