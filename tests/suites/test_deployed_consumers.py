"""`fairpoll test` of services that leave nothing for it, as the documentation has it."""

import json
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import deployed

FAIRPOLL = str(Path(sys.executable).with_name("fairpoll"))
QUERY = "SELECT source AS topic, part AS partition, place AS offset, written AS time FROM orders"


def judged(folder: Path, sink: str, fault: str, *options: str) -> tuple[subprocess.CompletedProcess, dict]:
    command = shlex.join((sys.executable, deployed.__file__, sink, fault))
    words = [FAIRPOLL, "test", "--cluster", "local", "--speed", "10", "--output-folder", str(folder / "out")]
    done = subprocess.run(
        [*words, *options, "--name", "mine", command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    (verdict,) = json.loads((folder / "out" / "verdict.json").read_text("utf-8"))["runs"]
    return done, {f["check"]: f["status"] for f in verdict["findings"] if f["consumer"] == "mine"}


@pytest.mark.local
@pytest.mark.slow
def test_a_transactional_service_is_judged_by_its_topic(tmp_path: Path):
    options = ("--evidence", "topic", "--delivery", "exactly-once")
    done, statuses = judged(tmp_path, "topic", "transactional", *options)
    assert {statuses[name] for name in ("nothing_lost", "delivered_once", "commits_never_ahead")} == {"pass"}
    # It delivers as fast as it can: nothing was put to the test.
    assert statuses["oldest_wait_at_most"] == "inconclusive"
    assert "it ignores FAIRPOLL_SINK_RATE" in done.stdout


@pytest.mark.local
@pytest.mark.slow
def test_a_plain_loop_in_front_of_an_http_sink_starves(tmp_path: Path):
    done, statuses = judged(tmp_path, "http", "", "--evidence", "http")
    assert done.returncode == 1, done.stdout + done.stderr
    assert statuses["oldest_wait_at_most"] == "fail"
    assert statuses["nothing_lost"] == statuses["order_kept"] == "pass"
    assert "delivered_once" not in statuses


@pytest.mark.local
@pytest.mark.slow
def test_one_that_writes_to_a_database_is_judged_by_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "orders.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=WAL")
        written = "written REAL DEFAULT (unixepoch('subsec'))"
        database.execute(f"CREATE TABLE orders (source TEXT, part INTEGER, place INTEGER, {written})")
    monkeypatch.setenv("DEPLOYED_DATABASE", str(path))
    _, statuses = judged(tmp_path, "sql", "drops", "--evidence", f"sql:sqlite:///{path}", "--query", QUERY)
    assert statuses["nothing_lost"] == "fail"
    assert statuses["only_acked_delivered"] == "pass"
