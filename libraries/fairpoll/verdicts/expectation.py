"""The plain expectation of a consumer: the criteria that suites/90__your_consumer.robot judges it by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from fairpoll.checkers import DELIVERY_GUARANTEES
from fairpoll.contract.subject import EXACTLY_ONCE
from fairpoll.scenarios.model import CONTROL
from fairpoll.scenarios.packaged import SPECIFIED, find_scenario
from fairpoll.scenarios.units import parse_duration, parse_mebibytes, parse_records, parse_share
from fairpoll.verdicts.verdict import Verdict


@dataclass(frozen=True)
class Threshold:
    """How a threshold is written: `parse` and `text` convert between its text and its number.

    `only_specified`: its default fits the specified scenario only, and `-` omits the criterion.
    """

    help: str
    parse: Callable[[str], float]
    text: Callable[[float], str]
    only_specified: bool = False


def _seconds(default: float, description: str) -> Any:
    threshold = Threshold(description, parse_duration, lambda seconds: f"{seconds:g} s")
    return field(default=default, metadata={"threshold": threshold})


def _share(default: float, description: str, *, only_specified: bool = False) -> Any:
    threshold = Threshold(description, parse_share, lambda share: f"{share * 100:g}%", only_specified)
    return field(default=default, metadata={"threshold": threshold})


def _records(default: int | None, description: str) -> Any:
    threshold = Threshold(description, parse_records, lambda count: f"{count:.0f}", only_specified=True)
    return field(default=default, metadata={"threshold": threshold})


def _mebibytes(default: float, description: str) -> Any:
    threshold = Threshold(description, parse_mebibytes, lambda mebibytes: f"{mebibytes:g}")
    return field(default=default, metadata={"threshold": threshold})


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Thresholds of the plain expectation. Times are seconds of the scenario, shares fractions of 1.

    None omits the criterion. From these fields are made the options of `fairpoll test` and the arguments of
    the pytest fixture; the variables of the suite are held to them by a test.
    """

    wait_at_most: float = _seconds(5.0, "Longest wait of a low-volume message.")
    throughput_at_least: float = _share(0.95, "Share of the plain loop's throughput.")
    silent_at_most: float = _seconds(10.0, "Longest silence while messages wait.")
    high_at_least: int | None = _records(1000, "Records of the high-volume topics, or -.")
    low_at_least: int | None = _records(20, "Records of the low-volume topics, or -.")
    low_at_most: int | None = _records(None, "Records of the low-volume topics, or -.")
    stops_within: float = _seconds(10.0, "Longest time from SIGTERM to its end, in real seconds.")
    memory_grows_at_most: float = _mebibytes(
        32.0,
        "Growth of its memory in the second half of the traffic, in MiB for each minute of the scenario.",
    )
    low_share_at_least: float | None = _share(
        0.01, "Low-volume share of all records, or -.", only_specified=True
    )

    @classmethod
    def for_scenario(cls, name: str, **given: Any) -> "Thresholds":
        """The given thresholds, else the defaults that fit the scenario (a file, or a packaged one's name).

        Raises ScenarioError for an unknown scenario, TypeError for an unknown threshold.
        """
        is_specified = find_scenario(name).resolve() == find_scenario(SPECIFIED).resolve()
        omitted = {} if is_specified else {n: None for n, t in THRESHOLDS.items() if t.only_specified}
        return cls(**omitted | given)

    @property
    def texts(self) -> dict[str, str]:
        """Each threshold as it is written in the suite, `-` for an omitted criterion."""
        values = {name: getattr(self, name) for name in THRESHOLDS}
        return {n: "-" if v is None else THRESHOLDS[n].text(v) for n, v in values.items()}


THRESHOLDS = {one.name: one.metadata["threshold"] for one in fields(Thresholds)}


def plain_criteria(
    thresholds: Thresholds, *, has_low: bool = True, once: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The criteria of the plain expectation about a consumer, in their order, with their thresholds.

    `has_low`: the scenario has a low-volume topic. `once`: the consumer promises exactly-once delivery.
    """
    for criterion in ("stays_alive", "output_readable", "clock_honest"):
        yield criterion, {}
    for volume, records in (("high", thresholds.high_at_least), ("low", thresholds.low_at_least)):
        if records is not None:
            yield "delivered_at_least", {"volume": volume, "records": records}
    if thresholds.low_at_most is not None:
        yield "delivered_at_most", {"volume": "low", "records": thresholds.low_at_most}
    if thresholds.low_share_at_least is not None:
        yield "share_at_least", {"volume": "low", "share": thresholds.low_share_at_least}
    if has_low:
        for criterion in ("oldest_wait_at_most", "due_messages_delivered"):
            yield criterion, {"volume": "low", "seconds": thresholds.wait_at_most}
    yield "throughput_at_least", {"of": CONTROL, "share": thresholds.throughput_at_least}
    for criterion in ("no_stall", "every_partition_served"):
        yield criterion, {"seconds": thresholds.silent_at_most}
    yield "stops_when_asked", {"seconds": thresholds.stops_within}
    yield "memory_grows_at_most", {"mebibytes": thresholds.memory_grows_at_most}
    for criterion in (
        *DELIVERY_GUARANTEES,
        *(["delivered_once"] if once else []),
        "buffers_bounded",
        "pauses_pair_up",
    ):
        yield criterion, {}


def judge_plainly(verdict: Verdict, consumer: str, thresholds: Thresholds) -> None:
    """Judge this consumer, beside the control, by every criterion of the plain expectation."""
    verdict.judge("recording_is_sound", "run")
    judged = verdict.recording.facts.judged.get(consumer)
    once = bool(judged and judged.delivery == EXACTLY_ONCE)
    has_low = bool(verdict.recording.topics_of("low"))
    for criterion, values in plain_criteria(thresholds, has_low=has_low, once=once):
        verdict.judge(criterion, consumer, **values)
