"""A scenario: the traffic, the sink and the settings of one run. `file` reads it from YAML."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fairpoll.base.errors import ScenarioError
from fairpoll.base.typed import typed
from fairpoll.contract.settings import PollSettings
from fairpoll.scenarios.units import Action, Bursts

SLOWEST_SPEED = 0.01
# The consumer that a scenario must starve (`control_waits_at_least`): the built-in plain loop.
CONTROL = "sync"


@dataclass(frozen=True)
class TopicPlan:
    """One topic: its volume (`high` or `low`), its partitions and its traffic."""

    name: str
    volume: str
    partitions: int
    traffic: Bursts
    output: str
    backlog: int = 0
    message_type: str = ""
    priority: str = ""
    starts_after_seconds: float = 0.0
    sink_rate: float | None = None
    weights: tuple[int, ...] = ()
    poison: tuple[int, ...] = ()

    def live_bursts(self, duration_seconds: float) -> int:
        """How many bursts begin before the end: those at 0, 1, 2, ... intervals after its start.

        The slack of 1e-9 keeps a rounding error from adding one.
        """
        live = max(0.0, duration_seconds - self.starts_after_seconds)
        return int(live / self.traffic.interval_seconds + 1 - 1e-9)

    def partition_of(self, sequence: int) -> int:
        """The partition of a message: round robin, each partition as often as its weight."""
        if not self.weights:
            return sequence % self.partitions
        place = sequence % sum(self.weights)
        for partition, weight in enumerate(self.weights):
            if place < weight:
                return partition
            place -= weight
        raise AssertionError("the place is below the sum of the weights")

    def at_speed(self, speed: float) -> "TopicPlan":
        """The same traffic with every interval divided by speed."""
        return replace(
            self,
            traffic=replace(self.traffic, interval_seconds=self.traffic.interval_seconds / speed),
            starts_after_seconds=self.starts_after_seconds / speed,
            sink_rate=self.sink_rate * speed if self.sink_rate else None,
        )

    def planned_messages(self, duration_seconds: float) -> int:
        """How many messages this topic gets in all, backlog included."""
        return self.backlog + self.live_bursts(duration_seconds) * self.traffic.messages


@dataclass(frozen=True)
class Step:
    """One entry of the timeline: an action on the consumers, and its time."""

    at_seconds: float
    action: Action


@dataclass(frozen=True)
class Scenario:
    """One experiment, in its own time. `sink_rate` is in records per second.

    `side_by_side` is false if its load would disturb another scenario on the same machine.

    `at_speed` divides every interval and multiplies the sink's rate: the same counts in less time.
    """

    title: str
    duration_seconds: float
    sink_rate: float
    topics: tuple[TopicPlan, ...]
    settings: PollSettings = field(default_factory=PollSettings)
    control_wait_seconds: float | None = None
    timeline: tuple[Step, ...] = ()
    drain: bool = True
    side_by_side: bool = True

    def at_speed(self, speed: float) -> "Scenario":
        """The same experiment in 1/speed of the time. `settings` are not scaled.

        Raises ScenarioError unless speed is at least SLOWEST_SPEED.
        """
        if not 0 < speed < math.inf:
            raise ScenarioError(f"SPEED is {speed:g}; it must be above 0, for example 10")
        if speed < SLOWEST_SPEED:
            raise ScenarioError(f"SPEED is {speed:g}; at least {SLOWEST_SPEED:g}")
        return replace(
            self,
            duration_seconds=self.duration_seconds / speed,
            sink_rate=self.sink_rate * speed,
            topics=tuple(topic.at_speed(speed) for topic in self.topics),
            timeline=tuple(_step_at_speed(step, speed) for step in self.timeline),
        )

    def alone(self, volume: str) -> "Scenario":
        """The same experiment with the topics of one volume only, and without a control.

        Raises ScenarioError when there is none.
        """
        topics = tuple(self.of_volume(volume))
        if not topics:
            raise ScenarioError(f"the scenario has no {volume}-volume topic")
        return replace(self, topics=topics, control_wait_seconds=None)

    def of_volume(self, volume: str) -> list[TopicPlan]:
        """The topics of this volume, in the file's order."""
        return [topic for topic in self.topics if topic.volume == volume]

    def to_json(self) -> dict[str, Any]:
        """Plain data for run.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scenario":
        """The reverse of `to_json`. Raises ValueError, which names the wrong field."""
        scenario: Scenario = typed(cls, data, "the scenario")
        return scenario


def _step_at_speed(step: Step, speed: float) -> Step:
    rate = step.action.rate * speed if step.action.rate else None
    return Step(step.at_seconds / speed, replace(step.action, rate=rate))
