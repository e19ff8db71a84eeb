"""Scenarios that run at the same time on one cluster: their own recordings, their own errors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SUITES = Path(__file__).parents[2] / "suites"
TWO = ("--suite", "Overload", "--suite", "Idle Topic")


def run(output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "robot", "--outputdir", str(output), "--variable", "CLUSTER:mock"]
    return subprocess.run(
        [*command, *TWO, *arguments, str(SUITES)], capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.slow
def test_two_scenarios_begin_together_and_each_is_judged_by_its_own_recording(tmp_path: Path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    facts = [json.loads(path.read_text("utf-8")) for path in tmp_path.glob("evidence/*/run.json")]
    assert len({one["run_id"] for one in facts}) == len(facts) == 2
    first, second = (one["start_ms"] for one in facts)
    assert abs(first - second) < 1000
    judged = json.loads((tmp_path / "verdict.json").read_text("utf-8"))["runs"]
    assert {one["run_id"] for one in judged} == {one["run_id"] for one in facts}
    assert [one["verdict"] for one in judged] == ["pass", "pass"]


@pytest.mark.slow
def test_each_suite_is_told_what_ended_its_own_scenario(tmp_path: Path):
    done = run(tmp_path, "--variable", "CONSUMER:false")
    assert done.returncode == 10, done.stdout  # every test of both
    assert done.stdout.count("false (false) ended on its own with exit code 1") >= 2
    verdict = json.loads((tmp_path / "verdict.json").read_text("utf-8"))
    assert [one["name"] for one in verdict["not_judged"]] == ["overload.yaml", "idle_topic.yaml"]
    assert verdict["verdict"] == "inconclusive"


@pytest.mark.slow
def test_one_after_the_other_when_asked(tmp_path: Path):
    assert run(tmp_path, "--variable", "SIDE_BY_SIDE:1").returncode == 0
    facts = [json.loads(path.read_text("utf-8")) for path in tmp_path.glob("evidence/*/run.json")]
    first, second = sorted((one["start_ms"], one["stopped_ms"]) for one in facts)
    assert first[1] <= second[0]
