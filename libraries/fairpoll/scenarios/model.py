"""A scenario: the traffic, the sink and the settings of one run. `file` reads it from YAML."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, replace
from typing import Any, ClassVar

from fairpoll.base.errors import ScenarioError
from fairpoll.base.typed import typed
from fairpoll.contract.keys import (
    FLAG,
    Value,
    arguments,
    choice,
    group,
    group_schema,
    key,
    several,
    text,
    whole,
)
from fairpoll.contract.settings import PollSettings
from fairpoll.scenarios.timeline import Step
from fairpoll.scenarios.units import DURATION, RATE, TRAFFIC, Bursts

SLOWEST_SPEED = 0.01
# How the topics' names sort on the cluster: as in the file, the other way round, or a run in each order.
WRITTEN, REVERSED, BOTH = NAME_ORDERS = ("written", "reversed", "both")
# The consumer that a scenario must starve (`control_waits_at_least`): the built-in plain loop.
CONTROL = "sync"
TOPIC_NAME = r"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$(?!\n)"


@dataclass(frozen=True)
class TopicPlan:
    """One topic: its volume (`high` or `low`), its partitions and its traffic."""

    name: str
    volume: str = key(
        "The topic's part in the judgement: high (may crowd others out) or low (must not be starved).",
        choice("high", "low"),
    )
    partitions: int = key("How many partitions the topic has, 1 to 1000.", whole(1, 1000))
    backlog: int = key(
        "Messages produced before the consumers start. Default {default}.", whole(0, 10_000_000), default=0
    )
    traffic: Bursts = key("For example 20 every 500 ms.", TRAFFIC)
    output: str = key(
        "The file a consumer writes this topic's records to.",
        text(pattern=r"^[A-Za-z0-9._-]{1,200}\.json$(?!\n)"),
    )
    message_type: str = key(
        "The type field of its messages. Default: the topic's name.", text(maxLength=200), default=""
    )
    priority: str = key("The priority field of its messages. Default: none.", text(maxLength=200), default="")
    count: ClassVar[int] = key(
        "How many topics of this kind: NAME-001, NAME-002, ... with outputs and fixed names likewise.",
        whole(2, 1000),
        default=1,
        kw_only=MISSING,
    )
    weights: tuple[int, ...] = key(
        "How the messages are spread over the partitions, for example [8, 1, 1]. Default: evenly.",
        several(whole(0), minItems=1),
        default=(),
    )
    starts_after_seconds: float = key(
        "The topic is silent this long before its traffic begins.", DURATION, name="starts_after", default=0.0
    )
    sink_rate: float | None = key(
        "How fast the sink takes records of this topic. Default: as the scenario's sink.",
        RATE,
        name="sink",
        default=None,
    )
    poison: tuple[int, ...] = key(
        "Sequence numbers of messages whose value is not JSON.", several(whole(0)), default=()
    )
    message_format: str = key(
        "How its messages are written: json, or avro in the wire format of schema registries; the run serves "
        "the schemas at FAIRPOLL_SCHEMA_REGISTRY_URL. Default {default}.",
        choice("json", "avro"),
        name="format",
        default="json",
    )
    fixed_name: str = key(
        "Its name on the cluster, such as prod.orders. A topic that exists already keeps what is in it: the "
        "run begins at its end and never deletes it. Default: the topic's name and the run id.",
        text(pattern=TOPIC_NAME),
        name="name",
        default="",
    )
    create: bool = key(
        "Whether to create the topic if it does not exist. Default {default}; with no it must exist, with "
        "this number of partitions, and needs a `name`.",
        FLAG,
        default=True,
    )

    @classmethod
    def of_entry(cls, name: str, entry: Mapping[str, Any]) -> "list[TopicPlan]":
        """The topic of this entry of a scenario file, or its `count` topics."""
        plan = cls(**{"name": name, "message_type": name, **arguments(cls, entry)})
        if "count" not in entry:
            return [plan]
        stem, fixed = plan.output.removesuffix(".json"), plan.fixed_name
        return [
            replace(
                plan,
                name=f"{name}-{n:03}",
                output=f"{stem}-{n:03}.json",
                fixed_name=f"{fixed}-{n:03}" if fixed else "",
            )
            for n in range(1, entry["count"] + 1)
        ]

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


TOPICS = Value(
    {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": r"^[A-Za-z0-9._-]{1,200}$(?!\n)"},
        "additionalProperties": group_schema(TopicPlan),
    },
    lambda topics: tuple(plan for name, entry in topics.items() for plan in TopicPlan.of_entry(name, entry)),
)


@dataclass(frozen=True)
class Scenario:
    """The traffic, the sink and the consumer settings of one run. Times are in the scenario's own time.

    `sink_rate` is in records per second; `control_wait_seconds` is None without a control. `at_speed`
    divides every interval and multiplies the sink's rate: the same counts in less time.
    """

    title: str = key("What this scenario shows, in one line.", text(minLength=1, maxLength=200))
    duration_seconds: float = key(
        "How long traffic is produced and judged, for example 2 minutes.", DURATION, name="duration"
    )
    sink_rate: float = key(
        "How fast the consumer's sink takes records, for example 10 per second.", RATE, name="sink"
    )
    control_wait_seconds: float | None = key(
        "The run proves something only if, in the sync consumer, a low-volume message waits at least this "
        "long, for example 4 s.",
        DURATION,
        name="control_waits_at_least",
        default=None,
    )
    drain: bool = key(
        "After the duration, set the sink free and wait until all is delivered. Default {default}; without "
        "it loss cannot be judged.",
        FLAG,
        default=True,
    )
    side_by_side: bool = key(
        "Whether it may run beside other scenarios. Default {default}; false for one that takes all of a "
        "machine.",
        FLAG,
        default=True,
    )
    names: str = key(
        "How the names of the topics sort: as written in the file, reversed, or both, in two runs at the "
        "same time: many clients serve topics in the order of their names. Default both if topics of both "
        "volumes have a backlog, else written.",
        choice(*NAME_ORDERS),
        default="",
    )
    settings: PollSettings = key(
        "Settings of the consumers under test, with the specification's names. SPEED divides none of them.",
        group(PollSettings),
        name="consumer",
        default_factory=PollSettings,
    )
    timeline: tuple[Step, ...] = key(
        "What is done to the consumers while the traffic runs. A step waits until the member that it "
        "concerns has its partitions; the steps after it are as much later.",
        several(group(Step)),
        default=(),
    )
    topics: tuple[TopicPlan, ...] = key("The topics one consumer reads together, by name.", TOPICS)
    group: str = key(
        "The fixed name of the consumer group of the consumer under test. The run is refused while the group "
        "has members, and never deletes it. Default: a new group in each run, as the control always has.",
        text(minLength=1, maxLength=200),
        default="",
    )
    reset_group: bool = key(
        "Whether to set the offsets of `group` to the ends of the run's topics before it, as "
        "kafka-consumer-groups --reset-offsets --to-latest does. Default {default}.",
        FLAG,
        default=False,
    )

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
            timeline=tuple(step.at_speed(speed) for step in self.timeline),
        )

    def alone(self, volume: str) -> "Scenario":
        """The same experiment with the topics of one volume only, and without a control.

        Raises ScenarioError when there is none.
        """
        topics = tuple(self.of_volume(volume))
        if not topics:
            raise ScenarioError(f"the scenario has no {volume}-volume topic")
        return replace(self, topics=topics, control_wait_seconds=None)

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders of names to run it in: `written`, `reversed` or both; fixed names only as written."""
        if self.has_fixed_topics:
            return (WRITTEN,)
        waiting = {topic.volume for topic in self.topics if topic.backlog}
        asked = self.names or (BOTH if len(waiting) > 1 else WRITTEN)
        return tuple(order for order in (WRITTEN, REVERSED) if asked in (order, BOTH))

    def named(self, order: str) -> "Scenario":
        """The same experiment with the names in this order: `written` or `reversed`."""
        if order == self.names:
            return self
        reverse = " (topic names reversed)" if order == REVERSED else ""
        return replace(self, names=order, title=self.title + reverse)

    @property
    def may_run_beside_others(self) -> bool:
        """Whether it may run at the same time as others; two runs cannot have one group."""
        return self.side_by_side and not self.group

    @property
    def has_fixed_topics(self) -> bool:
        """Whether a topic has a fixed name on the cluster."""
        return any(topic.fixed_name for topic in self.topics)

    @property
    def names_on_cluster(self) -> dict[str, str]:
        """The topics -> their names on the cluster, without fixed names and what a run adds.

        In the order `reversed` a number before each name makes the last one the first.
        """
        names = [topic.name for topic in self.topics]
        if self.names != REVERSED:
            return dict(zip(names, names, strict=True))
        width = len(str(len(names)))
        ranks = {name: rank for rank, name in enumerate(sorted(names, reverse=True), 1)}
        return {name: f"{ranks[name]:0{width}}-{name}" for name in names}

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
