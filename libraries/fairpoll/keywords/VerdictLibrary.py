"""Keywords that judge the current recording by the criteria that depend on the load."""

from typing import Literal

from robot.api import Failure
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.checkers import CRITERIA, RUN_CRITERIA, Finding
from fairpoll.contract.subject import Mode
from fairpoll.keywords.arguments import (
    CONVERTERS,
    Amount,
    Bound,
    Criterion,
    Duration,
    Share,
    Topics,
)
from fairpoll.keywords.criterion_keywords import with_keywords
from fairpoll.keywords.judging import find, judge, log_charts, settle
from fairpoll.keywords.session import SESSION
from fairpoll.reports.run_charts import wait_charts

# The families of criteria in GuaranteeLibrary: no load excuses a failure.
SAFETY = ("delivery", "commits", "backpressure", "liveness", "recovery")


@library(scope="GLOBAL", doc_format="MARKDOWN", converters=CONVERTERS)
@with_keywords(one for one in (*RUN_CRITERIA.values(), *CRITERIA.values()) if one.family not in SAFETY)
class VerdictLibrary:
    """Judges the recording of the scenario that was run last. Each keyword passes if its criterion holds.

    Times are in the scenario's own time: `5 seconds` is half a second of real time at SPEED 10, plus the
    delays that SPEED cannot scale (about one real second, given in the message). `topics` is `high`, `low`
    or the name of one topic.

    A criterion that cannot be judged fails with the prefix `INCONCLUSIVE:` and the reason: the producer
    missed its plan, the control did not starve, or the host paused.

    Most keywords are generated from the registry of criteria, whose names are in verdict.json; so are those
    of criteria that other packages add.
    """

    @keyword(tags=("service",))
    def delivery_should_meet(
        self,
        mode: Mode,
        high_at_least: Bound,
        low_at_least: Bound,
        low_at_most: Bound,
        low_share_at_least: Share,
    ) -> None:
        """Fails if the consumer's deliveries do not meet every criterion given; the table's template.

        Args:
            mode: the consumer, such as `async`.
            high_at_least: records of the high-volume topics, at least.
            low_at_least: records of the low-volume topics, at least.
            low_at_most: records of the low-volume topics, at most.
            low_share_at_least: low-volume share of all deliveries, with a percent sign.

        Each may be `-` for no criterion. Counted are different records that reached the sink while the
        live traffic ran. Logs the criteria with what was measured, and the charts.

        Example: `Delivery Should Meet    async    1 000    20    -    1%`
        """
        findings: list[Finding] = []
        for check, volume, bound in (
            ("delivered_at_least", "high", high_at_least),
            ("delivered_at_least", "low", low_at_least),
            ("delivered_at_most", "low", low_at_most),
        ):
            if bound.value is not None:
                findings += find(check, mode, volume=volume, records=bound.value)
        if (share := low_share_at_least.value) is not None:
            findings += find("share_at_least", mode, volume="low", share=share)
        if not findings:
            raise ValueError("no criterion is given; at least one of the four must be other than -")
        for verdict in SESSION.verdicts():
            log_charts(verdict, [SESSION.consumer(mode)])
        settle(findings)

    @keyword(tags=("service",))
    def oldest_message_should_wait_at_most(self, mode: Mode, topics: Topics, budget: Duration) -> None:
        """Fails if any acked message of these topics waited longer than the budget for the sink.

        Waiting is counted from the message's ack, and goes on when nothing arrives. Logs the chart of
        waiting with the budget in it.

        Args:
            mode: the consumer, such as `async`.
            topics: `high`, `low`, or the name of one topic.
            budget: in the scenario's time, such as `5 seconds`.

        Example: `Oldest Message Should Wait At Most    async    low    5 seconds`
        """
        findings = find("oldest_wait_at_most", mode, volume=topics.value, seconds=budget.value)
        for verdict in SESSION.verdicts():
            # Again, with the budgets that have been judged so far.
            log_charts(verdict, list(verdict.recording.consumers), wait_charts)
        settle(findings)

    @keyword(tags=("service",))
    def oldest_message_should_wait_at_most_times_solo(
        self, mode: Mode, topics: Literal["high", "low"], times: Amount
    ) -> None:
        """Fails if a message waited longer than this many times the oldest wait with its volume alone.

        Runs the scenario once more with the topics of this volume only, unless that has been done.
        A solo wait below half a second counts as half a second.

        Args:
            mode: the consumer, such as `async`.
            topics: `high` or `low`.
            times: how many times the solo wait, such as `4`.

        Example: `Oldest Message Should Wait At Most Times Solo    async    low    4`
        """
        thresholds = {"times": times.value, "solo_seconds": round(SESSION.solo_wait(mode, topics), 3)}
        judge("oldest_wait_at_most_times_solo", mode, volume=topics, **thresholds)

    @keyword(tags=("known",))
    def finding_should_be_as_known(
        self, mode: Mode, criterion: Criterion, status: Literal["pass", "fail"]
    ) -> None:
        """Fails if the verdict on a criterion without thresholds differs from the known one.

        For a table of a consumer's known results: the finding is in the report, and the test fails if the
        result gets worse or better.

        Args:
            mode: the consumer, such as `bizon-sync`.
            criterion: its name in verdict.json, such as `no_forbidden_duplicates`.
            status: pass or fail.

        Example: `Finding Should Be As Known    bizon-sync    nothing_lost    pass`
        """
        findings = find(criterion.value, mode)
        SESSION.results.write_verdicts()
        for finding in findings:
            if finding.status != status:
                raise Failure(f"known as {status}, but judged {finding.status}: {finding.sentence}")
        BuiltIn().set_test_message(f"{status}, as known: {findings[0].sentence}")
