"""Keywords that run many consumers on one scenario and say which criterion catches which."""

import sys
from dataclasses import replace
from pathlib import Path

from robot.api import Failure, logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.checkers import CRITERIA, DELIVERY_GUARANTEES, Finding, Status
from fairpoll.keywords.judging import settle
from fairpoll.keywords.session import SESSION
from fairpoll.reports.tables import criteria_table
from fairpoll.run.members import ConsumerUnderTest

HERE = Path(__file__).parent
NO_MORE = "-"

# Every criterion with the thresholds of its scenario; the suites judge with the same functions.
GUARANTEES: dict[str, dict[str, object]] = {
    **{name: {} for name in DELIVERY_GUARANTEES},
    "buffers_bounded": {},
    "pauses_pair_up": {},
    "memory_bounded": {"mebibytes": 160},
    "membership_kept": {},
}
JUDGED: dict[str, dict[str, dict[str, object]]] = {
    "steady.yaml": {
        **GUARANTEES,
        "oldest_wait_at_most": {"volume": "low", "seconds": 2},
        "every_partition_served": {"seconds": 3},
        "no_stall": {"seconds": 5},
        "throughput_at_least": {"of": "async", "share": 0.8},
    },
    "handover.yaml": {
        **GUARANTEES,
        "delivers_again": {"seconds": 5},
        "every_partition_served": {"seconds": 8},
        "no_stall": {"seconds": 8},
    },
}


@library(scope="GLOBAL", doc_format="MARKDOWN")
class DefectLibrary:
    """Runs consumers of `consumers.py` side by side and holds each against every criterion."""

    def __init__(self) -> None:
        self._scenario = ""
        self._rows: list[Finding] = []

    @keyword
    def run_consumers_on(self, scenario: str, *consumers: str) -> None:
        """Runs all of them, and the built-in async one, in groups of their own on the same traffic."""
        chosen = [ConsumerUnderTest.built_in("async")]
        for name in consumers:
            command = (sys.executable, str(HERE / "consumers.py"), name)
            chosen.append(ConsumerUnderTest(_slug(name), command))
        self._scenario = scenario
        SESSION.record(HERE / scenario, 1.0, chosen)

    @keyword
    def consumer_should_be_caught(self, consumer: str, caught_by: str, consequences: str) -> None:
        """Fails unless this criterion fails for the consumer, and besides it only its consequences do."""
        failed = {name: finding for name, finding in self._judge(consumer) if finding.status == "fail"}
        measured = f"{caught_by}: {failed[caught_by].measured}" if caught_by in failed else "not caught"
        self._rows.append(_row(consumer, f"caught by {caught_by}", measured, "fail"))
        allowed = {caught_by, *(consequences.split() if consequences != NO_MORE else ())}
        if unknown := allowed - CRITERIA.keys():
            raise ValueError(f"no such criteria: {', '.join(sorted(unknown))}")
        if caught_by not in failed:
            raise Failure(f"{consumer} was not caught by {caught_by}, but by {sorted(failed) or 'nothing'}")
        if unrelated := failed.keys() - allowed:
            told = "\n".join(failed[name].sentence for name in unrelated)
            raise Failure(f"{consumer} was also caught by {', '.join(sorted(unrelated))}:\n{told}")
        self._rows[-1] = replace(self._rows[-1], status="pass")
        BuiltIn().set_test_message(measured)

    @keyword
    def consumer_should_pass_everything(self, consumer: str) -> None:
        """Fails if any criterion does."""
        findings = [finding for _, finding in self._judge(consumer)]
        met = sum(finding.status == "pass" for finding in findings)
        status: Status = "pass" if met == len(findings) else "fail"
        self._rows.append(_row(consumer, "passes everything", f"{met} of {len(findings)} criteria", status))
        settle(SESSION.verdict(), findings)

    @keyword
    def log_the_kill_table(self) -> None:
        """Logs which criterion caught which consumer, and puts the same into verdict.json."""
        logger.info(criteria_table(self._rows, caption="Kill table"), html=True)
        SESSION.results.extra["kill_table"] = [
            {"consumer": r.criterion, "expected": r.expected, "measured": r.measured, "status": r.status}
            for r in self._rows
        ]
        SESSION.results.write_verdicts()

    def _judge(self, consumer: str) -> list[tuple[str, Finding]]:
        verdict = SESSION.verdict()
        found = [
            (name, verdict.judge(name, _slug(consumer), **thresholds))
            for name, thresholds in JUDGED[self._scenario].items()
        ]
        doubts = [finding for _, finding in found if finding.status == "inconclusive"]
        if doubts:
            raise Failure(f"INCONCLUSIVE: {'; '.join(finding.sentence for finding in doubts)}")
        SESSION.results.write_verdicts()
        return found


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _row(consumer: str, expected: str, measured: str, status: Status) -> Finding:
    """A row of the kill table."""
    return Finding(criterion=consumer, expected=expected, measured=measured, sentence="", status=status)
