"""The verdict of a run in a sentence: which consumers serve the low-volume topics, and criteria passed."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairpoll.checkers import Finding
from fairpoll.scenarios.model import CONTROL
from fairpoll.verdicts.series import OLDEST_WAIT, StoredRun
from fairpoll.verdicts.verdict_json import worst

# Criteria of a control: they hold if a topic starves.
STARVED = ("oldest_wait_at_least", "delivered_at_most")
# More consumers do not fit into a sentence; the tables show them.
MOST_MODES = 4


def headline(runs: Sequence[StoredRun], not_judged: int = 0) -> str:
    """The verdict in a few sentences: the service in the first run, and the count of criteria in all runs.

    `not_judged` is the number of scenarios and tests that could not be run or judged.
    """
    findings = [finding for stored in runs for finding in stored.run.findings]
    if not findings:
        return "Nothing was judged."
    missing = f" {not_judged} more could not be run or judged." if not_judged else ""
    return f"{served(runs[0])} {counted(findings)}{missing}".strip()


def served(stored: StoredRun) -> str:
    """Which consumers serve the low-volume topics, and how long these waited.

    "" without low-volume topics or with more than MOST_MODES consumers.
    """
    consumers = list(stored.run.figures)
    if not stored.series.low or len(consumers) > MOST_MODES:
        return ""
    control = CONTROL if CONTROL in consumers and len(consumers) > 1 else None
    claims = [Claim.about(stored, name) for name in consumers if name != control]
    clauses = [claim.clause(stored) for claim in claims]
    if control:
        of = claims[0].topics
        let = "it" if len(of) == 1 else "them"
        clauses.append(f"the plain loop let {let} wait {_waited(stored, control, of)}")
    text = "; ".join(clauses) + "."
    return text[0].upper() + text[1:]


def counted(findings: Sequence[Finding]) -> str:
    """`75 of 75 criteria passed.` or `72 of 75 criteria passed, 2 failed, 1 inconclusive.`"""
    statuses = [finding.status for finding in findings]
    others = [
        f"{statuses.count(status)} {word}"
        for status, word in (("fail", "failed"), ("inconclusive", "inconclusive"))
        if status in statuses
    ]
    return ", ".join([f"{statuses.count('pass')} of {len(statuses)} criteria passed", *others]) + "."


@dataclass(frozen=True)
class Claim:
    """Whether a consumer serves the low-volume topics that it was judged by.

    Without such a finding `status` is None and `topics` are all low-volume topics.
    """

    consumer: str
    topics: Sequence[str]
    status: str | None
    expected: str

    @classmethod
    def about(cls, stored: StoredRun, consumer: str) -> "Claim":
        """The claim that follows from the run's findings."""
        low = stored.series.low
        found = [
            finding
            for finding in stored.run.findings
            if finding.consumer == consumer
            and finding.thresholds.get("volume") in ("low", *low)
            and finding.check not in STARVED
        ]
        status = worst(finding.status for finding in found) if found else None
        # Only the topics with this status are named.
        judged = {finding.thresholds["volume"] for finding in found if finding.status == status}
        missed = [f.expected for f in found if f.check == OLDEST_WAIT and f.status == "fail"]
        return cls(
            consumer,
            low if not judged or "low" in judged else [topic for topic in low if topic in judged],
            status,
            missed[0] if missed else "",
        )

    def clause(self, stored: StoredRun) -> str:
        """As a clause of a sentence."""
        low = stored.series.low
        all_of_them = "the low-volume topic" if len(low) == 1 else "the low-volume topics"
        named = all_of_them if len(self.topics) == len(low) else " and ".join(self.topics)
        waited = _waited(stored, self.consumer, self.topics)
        waited += f", {self.expected} allowed" if self.expected else ""
        if self.status is None:
            return f"in {self.consumer} the oldest message of {named} waited {waited}"
        verbs = {"pass": "serves", "fail": "does not serve", "inconclusive": "may or may not serve"}
        its = "its" if len(self.topics) == 1 else "their"
        return f"{self.consumer} {verbs[self.status]} {named}: {its} oldest message waited {waited}"


def _waited(stored: StoredRun, consumer: str, topics: Sequence[str]) -> str:
    waited = stored.run.figures[consumer].oldest_wait_seconds
    return seconds_waited(stored, max(waited[topic] for topic in topics))


def seconds_waited(stored: StoredRun, seconds: float) -> str:
    text = f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"
    # A wait begins with the ack, some milliseconds after the first message was due.
    return f"{text}, the whole run" if seconds >= 0.99 * stored.series.duration_seconds else text
