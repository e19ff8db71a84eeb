"""The live table: its figures and its rows."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from fairpoll.base.errors import DeadlineError, HistoryError
from fairpoll.contract.events import dump
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.run.live import MOST_ROWS, LiveCounts, LiveRow, table
from fairpoll.run.members import Members
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.run.processes import ChildProcesses
from fairpoll.run.readiness import not_joined, wait_until_assigned
from recordings import SCENARIO, START_MS, TOPIC, Sizes, write_recording

NAMES = {"high": "high.r", "low": TOPIC}


def counts(folder: Path, fields: Fields = OUR_FIELDS, speed: float = 1) -> LiveCounts:
    counter = DeliveryCounter(folder, SCENARIO, {"c": (folder / "c", fields)}, NAMES, Sizes())
    return LiveCounts(folder / layout.LEDGER, counter, speed)


def first_lines(path: Path, number: int) -> None:
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:number]), "utf-8")


def test_what_is_delivered_waits_no_more(tmp_path: Path):
    write_recording(tmp_path)
    (row,) = counts(tmp_path).rows(START_MS + 9_000)
    assert row == LiveRow("low", "c", produced=4, delivered=4, lag=0, oldest_wait_seconds=0.0)


def test_the_oldest_that_waits_is_counted_from_its_intended_time_in_scenario_seconds(tmp_path: Path):
    write_recording(tmp_path)
    first_lines(tmp_path / "c" / "low_vol.json", 1)
    (tmp_path / layout.SAMPLES).write_text("", "utf-8")
    live = counts(tmp_path, speed=10)
    assert live.rows(START_MS + 3_000) == [LiveRow("low", "c", 4, 1, 4, 20.0)]
    assert live.rows(START_MS + 3_500) == [LiveRow("low", "c", 4, 1, 4, 25.0)]


def test_by_commits_alone(tmp_path: Path):
    write_recording(tmp_path)
    (tmp_path / "c" / "low_vol.json").unlink()
    offsets = [{"topic": TOPIC, "partition": 0, "offset": 3}]
    sample = {"timestamp": START_MS, "name": "committed_offsets", "consumer": "c", "offsets": offsets}
    (tmp_path / layout.SAMPLES).write_text(dump(sample) + "\n", "utf-8")
    assert counts(tmp_path).rows(START_MS + 5_000) == [LiveRow("low", "c", 4, 3, 1, 2.0)]


def test_by_ids_alone(tmp_path: Path):
    write_recording(tmp_path)
    lines = [{"event": {"id": f"r:low:{n}", "ms": START_MS}} for n in (0, 2)]
    (tmp_path / "c" / "low_vol.json").write_text("".join(dump(line) + "\n" for line in lines), "utf-8")
    by_id = Fields.parse("id=event.id delivered=event.ms")
    assert counts(tmp_path, by_id).rows(START_MS + 5_000) == [LiveRow("low", "c", 4, 2, 0, 4.0)]


def shown(rows: list[LiveRow]) -> str:
    out = io.StringIO()
    Console(file=out, width=110).print(table(rows, "3 of 12 s"))
    return out.getvalue()


def test_of_many_topics_those_that_waited_longest_are_shown():
    text = shown([LiveRow(f"topic-{n:03}", "sync", 1, 0, 1, float(n)) for n in range(100)])
    assert "topic-099" in text
    assert "topic-085" not in text
    assert f"{100 - MOST_ROWS} rows that have waited less are not shown" in text


def test_names_are_neither_markup_nor_codes():
    text = shown([LiveRow("[bold]a[/bold]\x1b[31m", "sync", 1, 0, 1, 0.0)])
    assert "[bold]a[/bold]\ufffd[31m" in text


ASSIGNED = {"timestamp": 1, "name": "partitions_assigned", "partitions": [{"topic": TOPIC, "partition": 0}]}
STARTED = {"timestamp": 1, "name": "startup_complete"}


def wait_for_assignment(folder: Path, *lines: str) -> None:
    """Waits for a consumer that has printed these lines; no broker answers at the given address."""
    (folder / "c").mkdir()
    (folder / "c" / layout.EVENTS).write_text("".join(line + "\n" for line in lines), "utf-8")
    consumers = {"c": ("group", Members(Subject("c", ("c",)), {}, folder / "c", ChildProcesses()))}
    wait_until_assigned({(TOPIC, 0)}, consumers, {"bootstrap.servers": "127.0.0.1:1"}, lambda: None, 0.3)


def test_a_log_line_before_the_assignment_is_ignored(tmp_path: Path):
    wait_for_assignment(tmp_path, "INFO started", "[1]", "\0", dump(ASSIGNED))


def test_one_that_has_given_up_its_assignment_and_ended_is_not_waited_for(tmp_path: Path):
    revoked = {**ASSIGNED, "name": "partitions_revoked"}
    wait_for_assignment(tmp_path, dump(ASSIGNED), dump(revoked))


def test_a_consumer_that_prints_only_its_log_is_quoted_after_the_wait(tmp_path: Path):
    with pytest.raises(HistoryError, match=r"line 1: not JSON \(a .*--log-on-stdout yes\): 'INFO started'"):
        wait_for_assignment(tmp_path, "INFO started", "INFO waiting")


@pytest.mark.parametrize(
    ("command", "log", "likely"),
    [
        ("./c -X group.protocol=consumer", "", True),
        ("./c", "Broker: API version not supported: ConsumerGroupHeartbeat", True),
        ("./c", "\tgroup.protocol = consumer", True),
        ("./c", "\tgroup.protocol = classic", False),
        ("./c", "", False),
    ],
)
def test_a_group_protocol_that_the_broker_may_not_have_is_the_likely_cause(
    command: str, log: str, likely: bool, tmp_path: Path
):
    (tmp_path / layout.CLIENT_LOG).write_text(log, "utf-8")
    members = Members(Subject("c", tuple(command.split())), {}, tmp_path, ChildProcesses())
    text = not_joined("g.c", members)
    assert text.startswith("g.c; its log ends with: " if log else "g.c")
    assert ("a broker before Apache Kafka 4.0 does not support" in text) == likely


def test_a_consumer_that_prints_events_and_a_log_is_not_assigned(tmp_path: Path):
    with pytest.raises(DeadlineError, match="c has 0, 1 events printed"):
        wait_for_assignment(tmp_path, "INFO started", dump(STARTED))
