"""`fairpoll test`: its options as Robot's, and a folder of results as a few lines and an exit code."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from fairpoll.base.errors import HistoryError
from fairpoll.checkers.finding import Finding
from fairpoll.cli import test as command
from fairpoll.cli.test import SUITES, robot_arguments
from fairpoll.reports.outcome import outcome
from fairpoll.scenarios.packaged import find_scenario
from fairpoll.verdicts.expectation import Thresholds
from fairpoll.verdicts.verdict_json import JudgedConsumer, JudgedRun, JudgedSuites, worst

GIVEN: dict[str, Any] = {
    option.name: () if option.multiple else None for option in command.test.params if option.name is not None
} | {"command": "./mine --fast", "output_folder": Path("results"), "speed": 10.0, "brokers": "1"}
PASSED, LATE, UNSURE = (
    Finding(
        check=f"criterion_{status}",
        consumer="mine",
        expected="",
        measured="",
        status=status,
        sentence=sentence,
    )
    for status, sentence in (
        ("pass", "mine lost nothing"),
        ("fail", "mine let a message wait 120.0 s, expected at most 5 s"),
        ("inconclusive", "the broker took 2.1 s to ack a message"),
    )
)


def written(folder: Path, *findings: Finding, **more: Any) -> Path:
    verdict = worst(finding.status for finding in findings)
    run = JudgedRun(
        verdict=verdict,
        run_id="r",
        scenario="s",
        speed=10,
        cluster="a broker",
        figures={},
        findings=findings,
        judged={"mine": JudgedConsumer(command="./mine", shows=[])},
        **more,
    )
    whole = JudgedSuites(verdict=verdict, runs=(run,))
    (folder / "verdict.json").write_bytes(msgspec.json.encode(whole))
    (folder / "summary.html").touch()
    return folder


@pytest.mark.parametrize(
    ("findings", "verdict", "first"),
    [
        ([PASSED], "pass", "PASS: mine: all 1 criteria hold, on a broker at SPEED 10"),
        ([PASSED, LATE], "fail", "FAIL: mine: 1 of 2 criteria do not hold, on a broker at SPEED 10"),
        (
            [PASSED, UNSURE],
            "inconclusive",
            "INCONCLUSIVE: mine: 1 of 2 criteria could not be judged, on a broker at SPEED 10. "
            "Run again, or with a lower SPEED",
        ),
    ],
)
def test_a_verdict_is_a_sentence_its_reasons_and_where_the_pages_are(
    findings: list[Finding], verdict: str, first: str, tmp_path: Path
):
    text, found = outcome(written(tmp_path, *findings))
    reasons = [f"- {f.status.upper()}: {f.sentence}" for f in findings if f.status != "pass"]
    assert text.splitlines() == [first, *reasons, str(tmp_path / "summary.html")]
    assert found == verdict


def test_what_the_consumer_cannot_show_is_one_line(tmp_path: Path):
    hidden = {"mine": {"records": ["nothing_lost", "order_kept"]}}
    text, _ = outcome(written(tmp_path, PASSED, not_shown=hidden))
    assert text.splitlines()[1] == (
        "mine does not show which records it delivered (nothing lost, order kept); these criteria were "
        "not judged"
    )


def test_nothing_judged_is_no_verdict_and_a_broken_one_is_an_error(tmp_path: Path):
    assert outcome(tmp_path) == ("NOT RUN: nothing was judged", "")
    (tmp_path / "verdict.json").write_text('{"runs": [1]}', "utf-8")
    with pytest.raises(HistoryError, match="not a verdict of this version"):
        outcome(tmp_path)


def test_options_become_variables_and_only_those_that_are_given():
    arguments = robot_arguments({**GIVEN, "wait_at_most": 2.0, "bootstrap_servers": "b:9092"})
    given = [value for name, value in pairwise(arguments) if name == "--variable"]
    assert given == [
        "CLUSTER:external", "SPEED:10", "CONSUMER:./mine --fast", "BROKERS:1", "BOOTSTRAP_SERVERS:b:9092",
        "WAIT_AT_MOST:2 s",
    ]  # fmt: skip
    assert arguments[-1] == str(SUITES / "90__your_consumer.robot")


def test_counts_of_the_specified_scenario_are_not_asked_of_another():
    assert "counts" in robot_arguments({**GIVEN, "scenario": "overload.yaml"})
    arguments = robot_arguments({**GIVEN, "scenario": "overload.yaml", "low_at_least": 5})
    assert "counts" not in arguments
    assert {"LOW_AT_LEAST:5", "HIGH_AT_LEAST:-", "LOW_SHARE_AT_LEAST:-"} < set(arguments)


@pytest.mark.parametrize("scenario", ["specified.yaml", str(find_scenario("specified.yaml"))])
def test_the_specified_scenario_is_judged_alike_by_name_and_by_default(scenario: str):
    named = robot_arguments({**GIVEN, "scenario": scenario})
    (variable,) = [word for word in named if word.startswith("SCENARIO:")]
    named = named[: named.index(variable) - 1] + named[named.index(variable) + 1 :]
    assert named == robot_arguments(GIVEN)
    assert Thresholds.for_scenario(scenario) == Thresholds()


def test_suites_are_chosen_by_name_or_by_tag():
    assert robot_arguments({**GIVEN, "suites": ("starvation",)})[-1] == str(SUITES / "20__starvation.robot")
    assert robot_arguments({**GIVEN, "tags": ("scenarios",)})[-3:] == ["--include", "scenarios", str(SUITES)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["./mine", "--flag"],
            "Is it the consumer's? Then put the command into quotes.",
        ),
        (
            ["./mine", "--wait-at-most", "5"],
            "'5' is not a duration; write for example 500 ms, 3 s or 2 minutes",
        ),
        (["./mine", "--throughput-at-least", "95"], "'95' is not a share; write it with a percent sign"),
        (["./mine", "--low-at-least", "few"], "'few' is not a number of records; write for example 1000"),
        (["./mine", "--speed", "0"], "0.0 is not in the range x>0"),
        (["./mine", "--bootstrap-servers", "http://b"], "'http://b' is "),
        (
            ["./mine", "--cluster", "mock", "--bootstrap-servers", "b:1"],
            "--bootstrap-servers is for --cluster ext",
        ),
        (["./mine", "--suite", "nope"], "no suite 'nope': neither a file nor one of: bizon, delivery, "),
        (["./mine 'a"], "CONSUMER cannot be read as a command: No closing quotation"),
        (["./mine", "--name", "a/b"], "CONSUMER_NAME: 'a/b' is not a name"),
        (["./mine", "--shows", "all"], "SHOWS: 'all' is not a kind of evidence"),
        ([], "Missing argument '[COMMAND]'. Or name a container"),
    ],
)
def test_what_cannot_be_run_has_an_exit_code_of_its_own(arguments: list[str], message: str):
    done = CliRunner().invoke(command.test, arguments)
    assert message in done.output
    assert done.exit_code == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "FAIL_EVERY=50 TOKEN=hunter2 ./run --fast",
            "CONSUMER begins with a variable, which only a shell sets; write: "
            "env FAIL_EVERY=50 TOKEN=*** ./run --fast",
        ),
        (
            "./no-such-program --fast",
            "CONSUMER: './no-such-program' cannot be started: no executable file of this name is in this "
            "folder or on the PATH",
        ),
    ],
)
def test_a_command_that_cannot_be_started_is_reported_before_anything_is_run(
    given: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(command, "_run", lambda _arguments: pytest.fail("Robot Framework was started"))
    done = CliRunner().invoke(command.test, ["--output-folder", str(tmp_path / "results"), given])
    assert (done.exit_code, done.output) == (3, f"fairpoll: {message}\n")
    assert not (tmp_path / "results").exists()


def test_a_prefix_becomes_the_suites_variable():
    assert "PREFIX:team-a." in robot_arguments({**GIVEN, "prefix": "team-a."})
    assert not any(argument.startswith("PREFIX:") for argument in robot_arguments(GIVEN))
