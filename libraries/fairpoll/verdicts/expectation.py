"""The plain expectation of a consumer: the criteria that suites/90__your_consumer.robot judges it by."""

from dataclasses import dataclass
from typing import Any

from fairpoll.checkers import DELIVERY_GUARANTEES
from fairpoll.scenarios.model import CONTROL
from fairpoll.scenarios.packaged import SPECIFIED
from fairpoll.verdicts.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Thresholds of the plain expectation. Times are seconds of the scenario, shares fractions of 1.

    The counts and the share of the low-volume topics fit the specified scenario; None omits the criterion.
    """

    wait_at_most: float = 5.0
    throughput_at_least: float = 0.95
    silent_at_most: float = 10.0
    high_at_least: int | None = 1000
    low_at_least: int | None = 20
    low_share_at_least: float | None = 0.01

    @classmethod
    def for_scenario(cls, name: str, **given: Any) -> "Thresholds":
        """The given thresholds, else the defaults; counts have defaults only on the specified scenario."""
        counts = ("high_at_least", "low_at_least", "low_share_at_least")
        defaults: dict[str, Any] = {} if name == SPECIFIED else dict.fromkeys(counts)
        return cls(**defaults | given)


def judge_plainly(verdict: Verdict, consumer: str, thresholds: Thresholds) -> None:
    """Judge this consumer, beside the control, by every criterion of the plain expectation."""
    verdict.judge("recording_is_sound", "run")
    for volume, records in (("high", thresholds.high_at_least), ("low", thresholds.low_at_least)):
        if records is not None:
            verdict.judge("delivered_at_least", consumer, volume=volume, records=records)
    if thresholds.low_share_at_least is not None:
        verdict.judge("share_at_least", consumer, volume="low", share=thresholds.low_share_at_least)
    if verdict.recording.topics_of("low"):
        for criterion in ("oldest_wait_at_most", "due_messages_delivered"):
            verdict.judge(criterion, consumer, volume="low", seconds=thresholds.wait_at_most)
    verdict.judge("throughput_at_least", consumer, of=CONTROL, share=thresholds.throughput_at_least)
    for criterion in ("no_stall", "every_partition_served"):
        verdict.judge(criterion, consumer, seconds=thresholds.silent_at_most)
    for criterion in (*DELIVERY_GUARANTEES, "buffers_bounded", "pauses_pair_up"):
        verdict.judge(criterion, consumer)
