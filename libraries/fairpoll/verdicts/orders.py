"""Judges a criterion in two runs of a scenario that differ only in the order of their topics' names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fairpoll.checkers import Finding
from fairpoll.scenarios.model import REVERSED
from fairpoll.verdicts.verdict import Verdict

ORDER_DECIDES = "the order of the topics' names decides"


def judge_in_each_order(
    verdicts: Sequence[Verdict], criterion: str, consumer: str, **thresholds: Any
) -> list[Finding]:
    """Judge the criterion in each of these runs: the findings, in their order.

    A failure in one order beside a pass in the other names the order of the names as the cause.
    """
    findings = [verdict.judge(criterion, consumer, **thresholds) for verdict in verdicts]
    passed = next((finding for finding in findings if finding.status == "pass"), None)
    if passed is None:
        return findings
    return [
        _with_cause(verdict, finding, passed) if finding.status == "fail" else finding
        for verdict, finding in zip(verdicts, findings, strict=True)
    ]


def _with_cause(verdict: Verdict, failed: Finding, passed: Finding) -> Finding:
    if ORDER_DECIDES in failed.sentence:
        return failed
    order = "as written" if verdict.recording.scenario.names == REVERSED else "reversed"
    sentence = f"{failed.sentence}; with the names {order} it passes ({passed.measured}): {ORDER_DECIDES}"
    return verdict.reword(replace(failed, sentence=sentence))
