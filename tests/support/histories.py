"""Tiny hand-written recordings: what was acked, and what a consumer did with it.

    recording(acked("low", 0, 3, 6), async_=[("low", 0, 0.5), ("low", 1, 3.5)])

is a low-volume topic with messages sent at seconds 0, 3 and 6 of which the first two were delivered.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fairpoll.base.typed import typed
from fairpoll.checkers.finding import Finding, Status
from fairpoll.evidence.deliveries import Deliveries
from fairpoll.evidence.facts import RunFacts
from fairpoll.evidence.history import ConsumerHistory, Recording
from fairpoll.evidence.records import Acked, Delivered, Messages
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.units import Bursts

SCENARIO = Scenario(
    title="hand-written",
    duration_seconds=60.0,
    sink_rate=10.0,
    topics=(
        TopicPlan("high", "high", 2, Bursts(1, 60.0), "high_vol.json"),
        TopicPlan("low", "low", 1, Bursts(1, 60.0), "low_vol.json"),
    ),
)


def acked(topic: str, *seconds: float, partition: int = 0, first_offset: int = 0) -> list[Acked]:
    """Messages of one partition, sent on time at these seconds."""
    return [
        Acked(topic, partition, first_offset + n, n, second, second, second < 0, checksum=1)
        for n, second in enumerate(seconds)
    ]


def delivered(topic: str, offset: int, at: float, partition: int = 0, **changes: object) -> Delivered:
    fields: dict = {"message_id": "", "checksum": 1, "output": f"{topic}_vol.json", **changes}
    return Delivered(topic, partition, offset, at, **fields)


def consumer(name: str, *records: Delivered, events: Sequence[dict] = ()) -> ConsumerHistory:
    """What it delivered is put into columns by `recording`, which knows the messages."""
    return ConsumerHistory(name, records, events)  # type: ignore[arg-type]


def recording(messages: Sequence[Acked], *consumers: ConsumerHistory, **changes: object) -> Recording:
    scenario = changes.get("scenario", SCENARIO)
    assert isinstance(scenario, Scenario)
    partitions = [(topic.name, number) for topic in scenario.topics for number in range(topic.partitions)]
    kept = Messages.of(partitions, messages)
    facts: dict = changes.pop("facts", {})  # type: ignore[assignment]
    fields: dict = {
        "folder": Path("evidence"),
        "run_id": "r",
        "scenario": SCENARIO,
        "speed": 1.0,
        "acked": kept,
        "consumers": {c.name: replace(c, delivered=Deliveries.of(kept, c.delivered)) for c in consumers},
        "facts": facts_of(scenario, **facts),
        **changes,
    }
    return Recording(**fields)


def facts_of(scenario: Scenario, **changes: object) -> RunFacts:
    """What run.json would hold, with these changes."""
    needed = {"run_id": "r", "speed": 1.0, "cluster": {"description": ""}, "topics": {}, "consumers": []}
    facts: RunFacts = typed(RunFacts, {**needed, "scenario": scenario.to_json(), **changes}, "the run")
    return facts


def event(name: str, at: float, *partitions: tuple[str, int]) -> dict:
    return {"name": name, "at": at, "partitions": [{"topic": t, "partition": p} for t, p in partitions]}


def row(criterion: str, expected: str, measured: str, status: Status) -> Finding:
    """A finding as far as tables show it."""
    return Finding(criterion=criterion, expected=expected, measured=measured, sentence="", status=status)
