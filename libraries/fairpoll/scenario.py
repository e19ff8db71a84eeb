"""A scenario: the traffic, the sink and the settings of one run. Read from files by `scenario_file`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fairpoll.errors import ScenarioError
from fairpoll.units import Bursts


@dataclass(frozen=True)
class TopicPlan:
    """One topic: its part in the judgement (`high` or `low` volume), its shape and its traffic."""

    name: str
    volume: str
    partitions: int
    traffic: Bursts
    output: str
    backlog: int = 0
    message_type: str = ""
    priority: str = ""

    def live_bursts(self, duration_seconds: float) -> int:
        """How many bursts begin before the end: those at 0, 1, 2, ... intervals.

        The slack keeps the rounding of the division from adding one.
        """
        return int(duration_seconds / self.traffic.interval_seconds + 1 - 1e-9)

    def planned_messages(self, duration_seconds: float) -> int:
        """How many messages this topic gets in all, backlog included."""
        return self.backlog + self.live_bursts(duration_seconds) * self.traffic.messages


@dataclass(frozen=True)
class PollSettings:
    """Settings of the consumers under test, with the specification's names and values."""

    poll_interval_ms: int = 50
    max_poll_records: int = 100
    partition_pause_threshold: int = 500


@dataclass(frozen=True)
class Scenario:
    """One experiment, in its own time. `sink_rate` is in records per second.

    `at_speed` divides every interval and multiplies the sink's rate: the same counts in less time.
    """

    title: str
    duration_seconds: float
    sink_rate: float
    topics: tuple[TopicPlan, ...]
    settings: PollSettings = field(default_factory=PollSettings)
    control_wait_seconds: float | None = None

    def at_speed(self, speed: float) -> "Scenario":
        """The same experiment in 1/speed of the time. `settings` are not scaled.

        Raises ScenarioError when speed is not above 0.
        """
        if speed <= 0:
            raise ScenarioError(f"SPEED is {speed:g}; it must be above 0, for example 10")
        return replace(
            self,
            duration_seconds=self.duration_seconds / speed,
            sink_rate=self.sink_rate * speed,
            topics=tuple(
                replace(t, traffic=replace(t.traffic, interval_seconds=t.traffic.interval_seconds / speed))
                for t in self.topics
            ),
        )

    def of_volume(self, volume: str) -> list[TopicPlan]:
        """The topics with this part in the judgement, in the file's order."""
        return [topic for topic in self.topics if topic.volume == volume]

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back, kept with the evidence."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scenario":
        topics = tuple(TopicPlan(**{**t, "traffic": Bursts(**t["traffic"])}) for t in data["topics"])
        return cls(**{**data, "topics": topics, "settings": PollSettings(**data["settings"])})
