"""Times seen from outside: how files grow, when lines were written, what a consumer's times are worth."""

import errno
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairpoll.base.errors import HistoryError
from fairpoll.checkers import judge
from fairpoll.contract.events import dump
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.evidence.reading.observed import Observations
from fairpoll.run.observer import Observer
from recordings import START_MS, write_recording

OUTPUT = "c/low_vol.json"


def grown(since: float, until: float, **sizes: int) -> str:
    """One observation, in milliseconds after the start; sizes in bytes by the file's short name."""
    named = {{"output": OUTPUT, "events": f"c/{layout.EVENTS}"}[name]: size for name, size in sizes.items()}
    times = {"timestamp": START_MS + until, "since": START_MS + since}
    return dump({"name": "files_grown", **times, "sizes": named}) + "\n"


def observed(folder: Path, seconds: float = 0.5, change: Callable[[dict, int], None] | None = None) -> Path:
    """A recording whose records were in the sink `seconds` after they were sent; `change` edits a line."""
    folder.mkdir(exist_ok=True)
    write_recording(folder)
    path = folder / OUTPUT
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for number, line in enumerate(lines):
        if change:
            change(line, number)
    written = [dump(line) + "\n" for line in lines]
    path.write_text("".join(written), "utf-8")
    size, text = 0, grown(-10, -5, events=(folder / "c" / layout.EVENTS).stat().st_size)
    for number, line in enumerate(written):
        size += len(line.encode())
        at = number * 1000 + seconds * 1000
        text += grown(at - 30, at + 10, output=size)
    (folder / layout.OBSERVED).write_text(text, "utf-8")
    return folder


def times(folder: Path, **options: bool) -> list[float]:
    delivered = load_recording(folder, **options).consumers["c"].delivered
    return [round(one.at, 3) for one in delivered]


def stamp(moment: Callable[[dict, int], object]) -> Callable[[dict, int], None]:
    """The delivery time becomes what `moment` returns for a line and its number."""

    def change(line: dict, number: int) -> None:
        line["delivered_ms"] = moment(line, number)

    return change


def finding(folder: Path):
    return judge("clock_honest", load_recording(folder), "c")


def test_an_honest_time_counts_to_the_millisecond(tmp_path: Path):
    folder = observed(tmp_path)
    assert times(folder) == [0.5, 1.5, 2.5, 3.5]
    assert finding(folder).status == "pass"


def test_without_its_own_times_a_consumer_is_judged_by_the_observation(tmp_path: Path):
    folder = observed(tmp_path, change=lambda line, _: line.pop("delivered_ms"))
    assert times(folder) == [0.47, 1.47, 2.47, 3.47]
    assert times(observed(tmp_path / "own"), own_times=False) == [0.47, 1.47, 2.47, 3.47]
    assert len(load_recording(folder).consumers["c"].unreadable) == 0


def test_a_part_of_a_distributed_run_hands_its_observations_in(tmp_path: Path):
    folder = observed(tmp_path, change=lambda line, _: line.pop("delivered_ms"))
    part = folder / layout.observed_of("c")
    part.parent.mkdir()
    (folder / layout.OBSERVED).rename(part)
    assert times(folder) == [0.47, 1.47, 2.47, 3.47]


@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ({}, "1970-01-01T00:16:40.500+00:00", "'delivered_ms' is the text"),
        ({}, "1000500.0", "'delivered_ms' is the text"),
        ({"value": "body"}, "1000500.0", "the time of delivery, 'delivered_ms', is not a time"),
        ({"value": "body"}, "1970-01-01T00:16:40.500Z", ""),
    ],
)
def test_a_time_as_text_is_read_or_refused_by_the_name_of_its_field(
    tmp_path: Path, fields: dict[str, str], text: str, reason: str
):
    folder = observed(tmp_path, change=stamp(lambda line, n: text))
    run = json.loads((folder / layout.RUN).read_text("utf-8"))
    (folder / layout.RUN).write_text(json.dumps({**run, "fields": {"c": fields}}), "utf-8")
    if reason:
        with pytest.raises(HistoryError, match=re.escape(reason)):
            load_recording(folder)
    else:
        assert times(folder)[0] == 0.5


def test_without_an_observation_a_line_needs_its_time(tmp_path: Path):
    folder = observed(tmp_path, change=lambda line, _: line.pop("delivered_ms"))
    (folder / layout.OBSERVED).unlink()
    with pytest.raises(HistoryError, match="no 'delivered_ms'"):
        load_recording(folder)


@pytest.mark.parametrize(
    ("moment", "seconds", "cause"),
    [
        (lambda line, n: START_MS + n * 1000, 3.0, "the times are the records' own timestamps"),
        (lambda line, n: (START_MS + n * 1000 + 500) / 1000, 0.5, "in seconds instead of milliseconds"),
        (lambda line, n: (START_MS + n * 1000 + 500) * 1000, 0.5, "in microseconds instead of milliseconds"),
        (lambda line, n: START_MS + n * 1000 + 500 - 3_600_000, 0.5, "its clock is 3,600.0 s behind"),
        (lambda line, n: START_MS + n * 1000 + 500 + 7_000, 0.5, "its clock is 7.0 s ahead"),
        (lambda line, n: START_MS + n * 1000 + 700 * n, 9.0, "of the records' receipt"),
        (
            lambda line, n: START_MS + n * 500 - 900,
            9.0,
            "4 records would have been delivered before being sent",
        ),
    ],
)
def test_a_time_that_contradicts_the_observation_fails_by_its_likely_cause(
    tmp_path: Path, moment: Callable[[dict, int], float], seconds: float, cause: str
):
    folder = observed(tmp_path, seconds, stamp(moment))
    found = finding(folder)
    assert (found.status, found.figures["outside"]) == ("fail", 4)
    assert cause in found.sentence
    # Everything else is judged by what was seen.
    assert times(folder) == [round(n + seconds - 0.03, 3) for n in range(4)]


def test_a_writer_that_flushes_each_second_is_honest_and_delivers_when_it_flushes(tmp_path: Path):
    folder = observed(tmp_path)
    sizes = np.cumsum([len(line) for line in (folder / OUTPUT).read_bytes().splitlines(keepends=True)])
    text = grown(1_580, 1_610, output=int(sizes[1])) + grown(3_580, 3_610, output=int(sizes[3]))
    (folder / layout.OBSERVED).write_text(grown(-10, -5, events=1) + text, "utf-8")
    assert finding(folder).status == "pass"
    assert times(folder) == [1.58, 1.58, 3.58, 3.58]


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "fail"),
        ({"host": {"pauses": [{"from_ms": START_MS + 400, "until_ms": START_MS + 8_950}]}}, "pass"),
        ({"host": {"pauses": [{"from_ms": START_MS + 5_000, "until_ms": START_MS + 5_500}]}}, "fail"),
        (
            {
                "faults": [
                    {
                        "target": "consumer",
                        "what": "paused c",
                        "from_ms": START_MS + 400,
                        "until_ms": START_MS + 8_950,
                    }
                ]
            },
            "pass",
        ),
    ],
)
def test_a_pause_between_a_stamp_and_its_write_is_not_the_consumers(
    tmp_path: Path, facts: dict[str, Any], status: str
):
    def first_only(line: dict, number: int) -> None:
        line["delivered_ms"] = START_MS + (500 if number == 0 else number * 1000 + 9_000)

    folder = observed(tmp_path, 9.0, first_only)
    run = json.loads((folder / layout.RUN).read_text("utf-8"))
    (folder / layout.RUN).write_text(json.dumps({**run, **facts}), "utf-8")
    assert finding(folder).status == status
    assert times(folder)[0] == 8.97


def test_a_line_that_was_written_after_the_last_observation_keeps_its_order(tmp_path: Path):
    folder = observed(tmp_path)
    seen = (folder / layout.OBSERVED).read_text("utf-8").splitlines(keepends=True)
    (folder / layout.OBSERVED).write_text("".join(seen[:-1]), "utf-8")
    assert times(folder) == [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize("second", [1.0, 2.46])
def test_the_lines_of_a_file_keep_their_order_whatever_they_state(tmp_path: Path, second: float):
    """Times of receipt: those of some lines lie in the interval in which all four were written."""
    stated = [2.65, second, 2.45, 2.5]
    folder = observed(tmp_path, change=stamp(lambda _, number: START_MS + stated[number] * 1000))
    size = (folder / OUTPUT).stat().st_size
    first = (folder / layout.OBSERVED).read_text("utf-8").splitlines(keepends=True)[0]
    text = first + grown(2_395, 2_400, output=0) + grown(2_400, 2_700, output=size)
    (folder / layout.OBSERVED).write_text(text, "utf-8")
    assert times(folder) == [2.65] * 4
    assert judge("order_kept", load_recording(folder), "c").status == "pass"


def test_a_record_without_a_time_is_not_delivered_before_its_assignment(tmp_path: Path):
    folder = observed(tmp_path, change=lambda line, _: line.pop("delivered_ms"))
    path = folder / "c" / layout.EVENTS
    event = json.loads(path.read_text("utf-8"))
    path.write_text(dump({**event, "timestamp": START_MS + 490}) + "\n", "utf-8")
    text = (folder / layout.OBSERVED).read_text("utf-8").splitlines(keepends=True)
    text[0] = grown(470, 495, events=path.stat().st_size)
    (folder / layout.OBSERVED).write_text("".join(text), "utf-8")
    assert times(folder)[0] == 0.49
    assert judge("only_while_assigned", load_recording(folder), "c").status == "pass"


@pytest.mark.parametrize("look", [(2_480, 2_520), (2_400, 2_700)])
def test_records_that_come_again_after_an_assignment_are_told_from_those_before(
    tmp_path: Path, look: tuple[int, int]
):
    """Revoked and assigned at 2.5 s, then the last two records again, all in one observation."""
    folder = observed(tmp_path)
    path = folder / OUTPUT
    lines = path.read_text("utf-8").splitlines(keepends=True)
    untimed = [
        dump({k: v for k, v in json.loads(line).items() if k != "delivered_ms"}) + "\n" for line in lines
    ]
    path.write_text("".join([*untimed, *untimed[2:]]), "utf-8")
    events = folder / "c" / layout.EVENTS
    first = json.loads(events.read_text("utf-8"))
    hour = 3_600_000
    again = [
        {**first, "timestamp": START_MS + 2_500 - hour, "name": "partitions_revoked"},
        {**first, "timestamp": START_MS + 2_501 - hour},
    ]
    written = [dump(line) + "\n" for line in ({**first, "timestamp": START_MS - hour}, *again)]
    events.write_text("".join(written), "utf-8")
    sizes = np.cumsum([len(line) for line in path.read_bytes().splitlines(keepends=True)])
    text = grown(-10, -5, events=len(written[0])) + grown(470, 510, output=int(sizes[0]))
    text += grown(1_470, 1_510, output=int(sizes[1]))
    whole = {"output": int(sizes[5]), "events": events.stat().st_size}
    (folder / layout.OBSERVED).write_text(text + grown(*look, **whole), "utf-8")
    recording = load_recording(folder)
    for check in ("no_forbidden_duplicates", "order_kept", "only_while_assigned"):
        finding = judge(check, recording, "c")
        assert finding.status == "pass", finding.sentence


def test_blank_lines_and_a_line_that_was_cut_off_do_not_shift_the_others(tmp_path: Path):
    path = tmp_path / "out"
    path.write_bytes(b"1\n\n \n2\n\r\n3\n4")
    text = "".join(
        dump({"name": "files_grown", "since": n, "timestamp": n + 1, "sizes": {"out": size}}) + "\n"
        for n, size in enumerate((2, 4, 9, 12, 11, 12))
    )
    (tmp_path / "observed.jsonl").write_text(text, "utf-8")
    spans = Observations(tmp_path / "observed.jsonl").of(path, "out")
    assert spans is not None
    assert spans.lines.tolist() == [1, 1, 2, 3, 3, 3]


def test_an_observation_that_cannot_be_read_is_named(tmp_path: Path):
    folder = observed(tmp_path)
    line = {"timestamp": 2, "name": "files_grown", "since": 1, "sizes": {OUTPUT: -0.5}}
    (folder / layout.OBSERVED).write_text(dump(line) + "\n", "utf-8")
    with pytest.raises(HistoryError, match=r"observed\.jsonl: line 1: 'sizes'\.c/low_vol\.json is -0\.5"):
        load_recording(folder)


def test_without_a_watch_left_all_files_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "no watch left")

    monkeypatch.setattr("inotify_simple.INotify.add_watch", refuse)
    file = tmp_path / "c" / "a"
    file.parent.mkdir()
    observer = Observer(tmp_path / "observed.jsonl", [file])
    for size in (1, 2):
        file.write_text("x" * size, "utf-8")
        observer.tick()
        assert observer.sizes == {str(file): size}
    observer.finish()


def test_the_observer_records_each_growth_with_the_interval_in_which_it_happened(tmp_path: Path):
    folder, late = tmp_path / "c", tmp_path / "c" / "member-2"
    folder.mkdir()
    files = [folder / "a", folder / "b", late / "a"]
    observer = Observer(tmp_path / "observed.jsonl", files)
    observer.tick()
    (folder / "a").write_text("12", "utf-8")
    observer.tick()
    observer.tick()
    late.mkdir()
    for path in (folder / "a", late / "a"):
        path.write_text("1234", "utf-8")
    observer.finish()
    events = [json.loads(line) for line in (tmp_path / "observed.jsonl").read_text("utf-8").splitlines()]
    assert [event["sizes"] for event in events] == [{"c/a": 2}, {"c/a": 4, "c/member-2/a": 4}]
    assert all(event["since"] <= event["timestamp"] for event in events)
    assert events[0]["timestamp"] <= events[1]["since"]
    assert observer.sizes == {str(folder / "a"): 4, str(late / "a"): 4}
