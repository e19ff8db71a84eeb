"""The live table: its figures, and what a terminal shows of a real run."""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from fairpoll.contract.events import dump
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.evidence import layout
from fairpoll.run.live import MOST_ROWS, LiveCounts, LiveRow, table
from fairpoll.run.outputs import DeliveryCounter
from recordings import SCENARIO, START_MS, TOPIC, write_recording

SUITES = Path(__file__).parents[2] / "suites"
VARIABLES = ("CLUSTER:mock", "SPEED:20", "LIVE:yes")
SMOKE = ["--include", "smoke", *(word for one in VARIABLES for word in ("--variable", one))]
NAMES = {"high": "high.r", "low": TOPIC}


def counts(folder: Path, fields: Fields = OUR_FIELDS, speed: float = 1) -> LiveCounts:
    counter = DeliveryCounter(folder, SCENARIO, {"c": (folder / "c", fields)}, NAMES)
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
    told = shown([LiveRow(f"topic-{n:03}", "sync", 1, 0, 1, float(n)) for n in range(100)])
    assert "topic-099" in told
    assert "topic-085" not in told
    assert f"{100 - MOST_ROWS} rows that have waited less are not shown" in told


def test_names_are_neither_markup_nor_codes():
    told = shown([LiveRow("[bold]a[/bold]\x1b[31m", "sync", 1, 0, 1, 0.0)])
    assert "[bold]a[/bold]\ufffd[31m" in told


@pytest.mark.slow
def test_a_terminal_shows_the_table_while_the_run_goes_on(tmp_path: Path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "robot", "--outputdir", str(tmp_path), *SMOKE, str(SUITES)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "110", "LINES": "40"}
    robot = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65_536):
            seen += chunk
    except OSError:
        pass  # how Linux tells that nobody has the terminal open any more
    finally:
        os.close(ours)
    assert robot.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode("utf-8"))
    assert re.search(r"topic +┃ mode +┃ produced ┃ delivered ┃ +lag ┃ oldest wait", text)
    assert "6 of 6 s" in text
    rows = re.findall(r"async-test-low-volume +│ (\w+) +│ +(\d+) │ +(\d+) │ +(\d+) │ +([\d.]+) s", text)
    waited = {mode: max(float(row[4]) for row in rows if row[0] == mode) for mode in ("sync", "async")}
    assert waited["sync"] > 30
    assert waited["async"] < waited["sync"] / 2
    # Commits are looked at four times a second: the lag may still be on its way.
    assert {(produced, delivered, wait) for _, produced, delivered, _, wait in rows[-2:]} == {
        ("40", "40", "0.0")
    }
    # What Robot writes afterwards stands on lines of its own, and the cursor is there again.
    assert re.search(r"^2 tests, 2 passed, 0 failed\r?$", text, re.MULTILINE)
    assert seen.rfind(b"\x1b[?25h") > seen.rfind(b"\x1b[?25l")


@pytest.mark.slow
def test_without_a_terminal_it_says_so_once_and_goes_on(tmp_path: Path):
    command = [sys.executable, "-m", "robot", "--outputdir", str(tmp_path), *SMOKE, str(SUITES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("LIVE needs a terminal") == 1
    assert "produced ┃" not in done.stdout
