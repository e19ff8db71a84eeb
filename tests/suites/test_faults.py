"""Faults: survived by the built-in consumer, not by broken ones; and what happens to the harness itself."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from brokers import opened
from fairpoll.base.waiting import wait_until
from fairpoll.checkers import Finding
from fairpoll.cluster.leftovers import Registry
from fairpoll.evidence.history import Fault
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.reports.fault_table import fault_table
from fairpoll.verdicts.rejudge import judge_again, recordings_in
from fairpoll.verdicts.verdict_json import JudgedRun, JudgedSuites, to_text
from running import running
from suite_runs import LOADABLE_SECONDS, SUITES, command, run, traffic_seconds

CONSUMERS = Path(__file__).parents[1] / "must_fail" / "consumers.py"


@pytest.mark.slow
@pytest.mark.local
@pytest.mark.parametrize(
    ("test", "defect", "sentence"),
    [
        ("A Broker Is Killed And Restarted", "backs off too long", "consumers.py delivered again "),
        ("The Disk Of The Consumer Is Full", "commits what did not fit", "consumers.py lost "),
        ("The Consumer Is Killed Five Times", "resets to latest", "consumers.py lost "),
    ],
)
def test_a_consumer_that_does_not_survive_is_caught(test: str, defect: str, sentence: str, tmp_path: Path):
    broken = shlex.join([sys.executable, str(CONSUMERS), defect])
    done = run(
        tmp_path,
        *("--variable", "CLUSTER:local", "--variable", "BROKERS:3", "--variable", "RECOVERY:6 seconds"),
        *("--variable", f"CONSUMER:{broken}", "--test", test, str(SUITES)),
    )
    assert "1 test, 0 passed, 1 failed" in done.stdout, done.stdout
    assert sentence in done.stdout, done.stdout


def test_faults_are_skipped_with_the_reason_where_no_broker_can_be_harmed(tmp_path: Path):
    done = run(tmp_path, "--variable", "CLUSTER:mock", "--include", "faults", str(SUITES))
    assert "needs three local brokers: run with BROKERS:3 on CLUSTER:local or compose" in done.stdout
    assert "0 failed" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mock", pytest.param("local", marks=pytest.mark.local)])
def test_a_cluster_that_dies_in_mid_run_is_one_clear_error(kind: str, tmp_path: Path):
    arguments = ["--include", "smoke", "--variable", f"CLUSTER:{kind}", "--variable", "SPEED:4"]
    robot = subprocess.Popen(
        command(tmp_path, *arguments, str(SUITES)), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        broker = wait_until(lambda: _broker_of(robot.pid), 60, "a broker")
        wait_until(lambda: _delivers(tmp_path), 60, "records in the sink")
        broker.kill()
        output, _ = robot.communicate(timeout=60)
    finally:
        robot.kill()
    assert "ended on its own" in output, output
    assert robot.returncode != 0
    (recorded,) = recordings_in(tmp_path)
    assert load_recording(recorded).acked


@pytest.mark.slow
def test_what_a_killed_robot_leaves_can_be_judged(tmp_path: Path):
    arguments = ["--include", "smoke", "--variable", "CLUSTER:mock", "--variable", "SPEED:4"]
    robot = subprocess.Popen(
        command(tmp_path, *arguments, str(SUITES)), stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until(lambda: _delivers(tmp_path), 60, "records in the sink")
        started = psutil.Process(robot.pid).children(recursive=True)
        os.kill(robot.pid, signal.SIGKILL)
    finally:
        robot.wait()
    wait_until(lambda: not running(started), 30, "its children to end by themselves")
    (recorded,) = recordings_in(tmp_path)
    first = judge_again(recorded)
    assert first.same is None
    assert first.verdict.worst in ("fail", "inconclusive")
    first.verdict.write()
    assert judge_again(recorded).same


def _broker_of(robot: int) -> psutil.Process | None:
    words = ("kafka.Kafka", "fairpoll.cluster.mock.process")
    for process in psutil.Process(robot).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # one that has just ended
            if any(word in argument for argument in process.cmdline() for word in words):
                return process
    return None


def _delivers(output: Path) -> bool:
    """The live traffic has begun, and records stand in the sink."""
    begun = traffic_seconds(output) > LOADABLE_SECONDS
    return begun and any(path.stat().st_size > 0 for path in output.glob("evidence/*/*/high_vol.json"))


def test_two_clusters_hold_apart(tmp_path: Path, registry: Registry):
    first, _ = opened("mock", tmp_path / "1", registry)
    second, _ = opened("mock", tmp_path / "2", registry)
    try:
        assert first.client_config != second.client_config
        first.stop()
        second.create_topics({"still": 1})
        second.check()
    finally:
        first.stop()
        second.stop()


def test_the_table_of_faults(tmp_path: Path):
    run = JudgedRun(
        verdict="pass",
        run_id="",
        scenario="",
        speed=1.0,
        cluster="",
        figures={},
        faults=tuple(
            Fault("x", what, 1.0, 2.0) for what in ("killed async", "killed async", "killed broker 2")
        ),
        findings=(
            found("nothing_lost", "0 lost", acked=1200, lost=0),
            found("no_forbidden_duplicates", "0 repeated", count=0),
            found("recovers_within", "1.9 s"),
        ),
    )
    path = tmp_path / "verdict.json"
    path.write_text(to_text(JudgedSuites(verdict="pass", runs=(replace(run, faults=()), run))), "utf-8")
    row = "| killed async (2 times); killed broker 2 | 1,200 | 0 | 0 | 1.9 s | pass |"
    assert fault_table(path).splitlines()[2:] == [row]


def found(check: str, measured: str, **figures: int) -> Finding:
    return Finding(
        check=check,
        consumer="async",
        expected="",
        measured=measured,
        sentence="",
        status="pass",
        figures=figures,
    )
