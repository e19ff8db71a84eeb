"""Keywords that judge the current recording. Each is a sentence that holds or fails."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from urllib.parse import quote

from robot.api import Failure, logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.checkers import Finding, producer_kept_plan, recording_is_sound
from fairpoll.report import Verdict, charts, write_charts
from fairpoll.tables import Row, criteria_table
from session import SESSION
from values import CONVERTERS, Bound, Share

# The budget drawn into the charts of waiting; the criterion itself has its own argument.
CHART_BUDGET_SECONDS = 5.0
Volume = Literal["high", "low"]


@library(scope="GLOBAL", doc_format="MARKDOWN", converters=CONVERTERS)
class VerdictLibrary:
    """Judges the recording of the scenario that was run last.

    Times are in the scenario's own time: `5 seconds` is half a second of real time at SPEED 10, plus
    what SPEED cannot scale (about one real second, said in the message).

    A criterion that cannot be judged fails with the prefix `INCONCLUSIVE:` and the reason: the producer
    missed its plan, the control did not starve, or the machine stood still.
    """

    @keyword
    def delivery_should_meet(
        self,
        mode: str,
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
        verdict = SESSION.verdict()
        _check_mode(verdict, mode)
        findings: list[Finding] = []
        for check, volume, bound in (
            ("delivered_at_least", "high", high_at_least),
            ("delivered_at_least", "low", low_at_least),
            ("delivered_at_most", "low", low_at_most),
        ):
            if bound.records is not None:
                findings.append(verdict.judge(check, mode, volume=volume, records=bound.records))
        if low_share_at_least.fraction is not None:
            share = low_share_at_least.fraction
            findings.append(verdict.judge("share_at_least", mode, volume="low", share=share))
        _log_charts(verdict, [mode])
        _settle(verdict, findings)

    @keyword
    def oldest_message_should_wait_at_most(self, mode: str, volume: Volume, budget: timedelta) -> None:
        """Fails if any acked message of these topics waited longer than the budget for the sink.

        Waiting is counted from the intended send time, and goes on when nothing arrives.

        Example: `Oldest Message Should Wait At Most    async    low    5 seconds`
        """
        _judge("oldest_wait_at_most", mode, volume=volume, seconds=budget.total_seconds())

    @keyword
    def oldest_message_should_wait_at_least(self, mode: str, volume: Volume, floor: timedelta) -> None:
        """Fails if no message of these topics waited this long: a control that must starve.

        Example: `Oldest Message Should Wait At Least    sync    low    30 seconds`
        """
        _judge("oldest_wait_at_least", mode, volume=volume, seconds=floor.total_seconds())

    @keyword
    def due_messages_should_be_delivered(self, mode: str, volume: Volume, age: timedelta) -> None:
        """Fails if an acked message that was older than this at the end had not been delivered by then.

        Example: `Due Messages Should Be Delivered    async    low    5 seconds`
        """
        _judge("due_messages_delivered", mode, volume=volume, seconds=age.total_seconds())

    @keyword
    def throughput_should_be_at_least(self, mode: str, share: Share, *, of: str = "sync") -> None:
        """Fails if the consumer delivered less than this share of what another one of the run did.

        Fairness by slowing everything down is a failure too.

        Example: `Throughput Should Be At Least    async    95%    of=sync`
        """
        _check_mode(SESSION.verdict(), of)
        if share.fraction is None:
            raise ValueError("the share is missing; write for example 95%")
        _judge("throughput_at_least", mode, of=of, share=share.fraction)

    @keyword
    def only_acked_messages_should_be_delivered(self, mode: str) -> None:
        """Fails if a record was delivered that the brokers never acked; names at most 20.

        Example: `Only Acked Messages Should Be Delivered    async`
        """
        _judge("only_acked_delivered", mode)

    @keyword
    def order_should_be_kept(self, mode: str) -> None:
        """Fails if, within an assignment, a partition's records were delivered out of order.

        Example: `Order Should Be Kept    async`
        """
        _judge("order_kept", mode)

    @keyword
    def consumer_should_not_stall(self, mode: str, silence: timedelta) -> None:
        """Fails if messages waited and nothing at all was delivered for this long, drain included.

        Names the partitions that waited, and which of them the consumer had paused.

        Example: `Consumer Should Not Stall    async    10 seconds`
        """
        _judge("no_stall", mode, seconds=silence.total_seconds())

    @keyword
    def producer_should_have_kept_its_plan(self) -> None:
        """Fails as INCONCLUSIVE if planned messages were not acked, or were sent late (p99 over 500 ms)."""
        verdict = SESSION.verdict()
        finding = producer_kept_plan(verdict.recording)
        verdict.keep("producer_kept_plan", finding)
        _settle(verdict, [finding])

    @keyword
    def run_should_be_sound(self) -> None:
        """Fails as INCONCLUSIVE if anything keeps the run from proving something, and says what.

        Looked at are the producer's plan, whether the control starved, whether this machine stood still
        for more than a second, and whether the run went to its end. Logs the charts of all consumers.
        """
        verdict = SESSION.verdict()
        finding = recording_is_sound(verdict.recording)
        verdict.keep("recording_is_sound", finding)
        _log_charts(verdict, list(verdict.recording.consumers))
        _settle(verdict, [finding])


def _judge(check: str, mode: str, **thresholds: object) -> None:
    verdict = SESSION.verdict()
    _check_mode(verdict, mode)
    _settle(verdict, [verdict.judge(check, mode, **thresholds)])


def _check_mode(verdict: Verdict, mode: str) -> None:
    known = verdict.recording.consumers
    if mode not in known:
        raise ValueError(f"unknown mode '{mode}'; this run has: {', '.join(known)}")


def _settle(verdict: Verdict, findings: Sequence[Finding]) -> None:
    """Log the table, write verdict.json, then pass with the figures or fail with every unmet criterion."""
    SESSION.write_verdicts()
    rows = [Row(f.criterion, f.expected, f.measured, f.status) for f in findings]
    consumer = findings[0].consumer
    logger.info(criteria_table(rows, caption=f"{consumer}, {verdict.recording.cluster}"), html=True)
    unmet = [finding for finding in findings if finding.status != "pass"]
    if not unmet:
        told = ", ".join(f"{f.criterion} {f.measured}" for f in findings)
        BuiltIn().set_test_message(f"{consumer}: {told}")
        return
    prefix = "INCONCLUSIVE: " if any(f.status == "inconclusive" for f in unmet) else ""
    evidence = f"evidence: {verdict.recording.folder}"
    if len(unmet) == 1:
        raise Failure(f"{prefix}{unmet[0].sentence}; {evidence}")
    lines = "\n".join(f"- {finding.sentence}" for finding in unmet)
    raise Failure(f"{prefix}{len(unmet)} of {len(findings)} criteria not met; {evidence}\n{lines}")


def _log_charts(verdict: Verdict, consumers: Sequence[str]) -> None:
    """The charts in the log, and links to them as files of their own."""
    drawn = charts(verdict.recording, consumers, CHART_BUDGET_SECONDS)
    paths = write_charts(verdict.recording, drawn)
    for svg, path in zip(drawn.values(), paths, strict=True):
        link = quote(path.relative_to(SESSION.output_folder).as_posix())
        logger.info(f"{svg}<p><a href='{link}'>{path.name}</a></p>", html=True)
