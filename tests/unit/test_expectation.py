"""The plain expectation: the same criteria and thresholds in the suite that people read and in Python."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from robot import api

from fairpoll import pytest_plugin
from fairpoll.checkers import CRITERIA, RUN_CRITERIA
from fairpoll.contract.evidence_kinds import ALL_EVIDENCE
from fairpoll.verdicts.expectation import THRESHOLDS, Thresholds, judge_plainly
from fairpoll.verdicts.verdict import Verdict
from histories import acked, consumer, delivered, recording

SUITE = Path(__file__).parents[2] / "suites" / "90__your_consumer.robot"
VARIABLE = re.compile(r"^\$\{(\w+)\}\s{2,}(\S.*)$", re.MULTILINE)
# With everything that a consumer can promise, every criterion is judged.
PROMISING = {"command": "./mine", "shows": [*ALL_EVIDENCE], "delivery": "exactly-once"}
# Keywords that judge several criteria.
SEVERAL = {
    "Delivery Should Meet": {"delivered_at_least", "share_at_least"},
    "Backpressure Should Hold": {"buffers_bounded", "pauses_pair_up"},
}


def judged() -> Verdict:
    verdict = Verdict(
        recording(
            acked("low", 0),
            consumer("mine", delivered("low", 0, 1)),
            consumer("sync", delivered("low", 0, 1)),
            facts={"judged": {"mine": PROMISING}},
        )
    )
    judge_plainly(verdict, "mine", Thresholds())
    return verdict


def test_the_suite_has_the_same_criteria():
    keywords = {criterion.keyword: name for name, criterion in (CRITERIA | RUN_CRITERIA).items()}
    steps = [step.name for test in api.TestSuite.from_file_system(SUITE).tests for step in test.body]
    calls = [name for name in steps if name != "Skip If"]
    named = [SEVERAL.get(call, {keywords.get(call, call)}) for call in calls]
    assert {finding.check for finding in judged().findings} == set().union(*named)


def test_the_suite_has_the_same_thresholds():
    variables = dict(VARIABLE.findall(SUITE.read_text("utf-8")))
    values = {name.lower(): value for name, value in variables.items() if name != "SCENARIO"}
    numbers = {
        name: None if value == "-" else THRESHOLDS[name].parse(re.sub(r"(?<=\d) (?=\d)", "", value))
        for name, value in values.items()
    }
    assert numbers == asdict(Thresholds())


def test_another_scenario_has_no_counts_but_those_given():
    assert Thresholds.for_scenario("overload.yaml", low_at_least=5) == Thresholds(
        high_at_least=None, low_at_least=5, low_share_at_least=None
    )


def test_a_judgement_that_is_no_pass_fails_with_the_sentences(tmp_path: Path):
    with pytest.raises(pytest.fail.Exception) as failure:
        pytest_plugin.Judgement(judged(), tmp_path).should_pass()
    first, *rest = str(failure.value).splitlines()
    assert re.fullmatch(
        rf"(INCONCLUSIVE: )?\d+ of \d+ criteria not met; evidence: {re.escape(str(tmp_path))}", first
    )
    assert all(line.startswith(("- FAIL: ", "- INCONCLUSIVE: ")) for line in rest)
