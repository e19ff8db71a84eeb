"""The live table of a run on the mock cluster, in a terminal and without one."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITES = Path(__file__).parents[2] / "suites"
VARIABLES = ("CLUSTER:mock", "SPEED:20", "LIVE:yes")
SMOKE = ["--include", "smoke", *(word for variable in VARIABLES for word in ("--variable", variable))]


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
        pass  # Linux reports so that nobody has the terminal open any more
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
