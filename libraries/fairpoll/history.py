"""The recorded evidence of one run, read back as plain data in the scenario's own time.

Second 0 is the start of the live traffic, `duration` its end; backlog messages have negative times.
At SPEED 10 one real second is ten of these. Topics carry the scenario's names, not the cluster's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fairpoll.errors import HistoryError
from fairpoll.events import Event, read_events
from fairpoll.messages import checksum_of
from fairpoll.scenario import Scenario

Partition = tuple[str, int]
Spot = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Acked:
    """A message that the brokers have acknowledged. Times in scenario seconds."""

    topic: str
    partition: int
    offset: int
    sequence: int
    intended: float
    sent: float
    backlog: bool
    checksum: int

    @property
    def spot(self) -> Spot:
        return (self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A record that stands in a sink's file. `checksum` is taken from what the file holds."""

    topic: str
    partition: int
    offset: int
    at: float
    message_id: str
    checksum: int
    output: str

    @property
    def spot(self) -> Spot:
        return (self.topic, self.partition, self.offset)


@dataclass(frozen=True)
class ConsumerHistory:
    """What one consumer did: its deliveries in the order of time, and the events it reported."""

    name: str
    delivered: Sequence[Delivered]
    events: Sequence[Event] = ()

    @cached_property
    def first_delivery(self) -> Mapping[Spot, float]:
        """When each record first reached the sink."""
        first: dict[Spot, float] = {}
        for record in self.delivered:
            first.setdefault(record.spot, record.at)
        return first

    def events_named(self, *names: str) -> list[Event]:
        return [event for event in self.events if event.get("name") in names]


@dataclass(frozen=True)
class Recording:
    """One run: what was planned, what was acked, and what each consumer did with it."""

    folder: Path
    run_id: str
    scenario: Scenario
    speed: float
    acked: Sequence[Acked]
    consumers: Mapping[str, ConsumerHistory]
    failed_ids: frozenset[str] = frozenset()
    cluster: str = ""
    longest_pause_seconds: float = 0.0
    complete: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """Length of the judged window, in scenario seconds."""
        return self.scenario.duration_seconds

    @cached_property
    def by_partition(self) -> Mapping[Partition, Sequence[Acked]]:
        """Acked messages of every partition of the scenario, also of those that got none, by offset."""
        found: dict[Partition, list[Acked]] = {
            (topic.name, partition): []
            for topic in self.scenario.topics
            for partition in range(topic.partitions)
        }
        for message in sorted(self.acked, key=lambda m: m.offset):
            found[(message.topic, message.partition)].append(message)
        return found

    @cached_property
    def acked_by_spot(self) -> Mapping[Spot, Acked]:
        return {message.spot: message for message in self.acked}

    def topics_of(self, volume: str) -> list[str]:
        return [topic.name for topic in self.scenario.of_volume(volume)]

    def delivered_in_window(self, consumer: str, topics: Sequence[str]) -> int:
        """Different records of these topics delivered while the live traffic ran."""
        first = self.consumers[consumer].first_delivery
        return sum(1 for spot, at in first.items() if spot[0] in topics and 0 <= at <= self.duration)


def load_recording(folder: Path) -> Recording:
    """Read a recording back from its folder. Raises HistoryError."""
    facts = _read_facts(folder)
    start = facts.get("start_ms")
    if start is None:
        raise HistoryError(f"{folder}: the run was cut off before its traffic began; nothing to judge")
    scenario = Scenario.from_json(facts["scenario"])
    reader = _Reader(folder, scenario, facts["topics"], start / 1000, facts["speed"])
    acked, failed = reader.ledger(facts["run_id"])
    return Recording(
        folder=folder,
        run_id=facts["run_id"],
        scenario=scenario,
        speed=facts["speed"],
        acked=acked,
        failed_ids=failed,
        consumers={name: reader.consumer(name) for name in facts["consumers"]},
        cluster=facts["cluster"]["description"],
        longest_pause_seconds=facts.get("host", {}).get("longest_pause_seconds", 0.0),
        complete=facts.get("complete", False),
        facts=facts,
    )


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    except FileNotFoundError:
        raise HistoryError(f"{folder}: no run.json in it; this is not a recording") from None
    except ValueError as error:
        raise HistoryError(f"{folder / 'run.json'}: not JSON: {error}") from None
    return facts


@dataclass
class _Reader:
    folder: Path
    scenario: Scenario
    topic_names: Mapping[str, str]
    start_seconds: float
    speed: float

    def time(self, epoch_ms: float) -> float:
        return (epoch_ms / 1000 - self.start_seconds) * self.speed

    def ledger(self, run_id: str) -> tuple[list[Acked], frozenset[str]]:
        acked: list[Acked] = []
        failed: set[str] = set()
        for event in read_events(self.folder / "ledger.jsonl"):
            match event["name"]:
                case "producer_send_success":
                    acked.append(
                        Acked(
                            topic=event["topic"],
                            partition=event["partition"],
                            offset=event["offset"],
                            sequence=event["sequence"],
                            intended=self.time(event["intended_ms"]),
                            sent=self.time(event["sent_ms"]),
                            backlog=event["batch"] < 0,
                            checksum=event["checksum"],
                        )
                    )
                case "producer_send_error":
                    failed.add(f"{run_id}:{event['topic']}:{event['sequence']}")
        return acked, frozenset(failed)

    def consumer(self, name: str) -> ConsumerHistory:
        scenario_names = {on_cluster: topic for topic, on_cluster in self.topic_names.items()}
        delivered: list[Delivered] = []
        for topic in self.scenario.topics:
            path = self.folder / name / topic.output
            if not path.exists():
                continue
            for line in read_events(path):
                value = line.get("value")
                body = value if isinstance(value, dict) else {}
                delivered.append(
                    Delivered(
                        topic=scenario_names.get(str(line["topic"]), str(line["topic"])),
                        partition=line["partition"],
                        offset=line["offset"],
                        at=self.time(line["delivered_ms"]),
                        message_id=str(body.get("id", "")),
                        checksum=checksum_of(body),
                        output=topic.output,
                    )
                )
        delivered.sort(key=lambda record: record.at)
        events = [
            self._in_scenario_terms(event, scenario_names)
            for event in read_events(self.folder / name / "events.jsonl")
        ]
        return ConsumerHistory(name, delivered, events)

    def _in_scenario_terms(self, event: Event, scenario_names: Mapping[str, str]) -> Event:
        """The event with `at` in scenario seconds and the scenario's topic names."""
        translated: Event = {**event, "at": self.time(event["timestamp"])}
        for key in ("partitions", "records", "offsets"):
            if key in event:
                translated[key] = [
                    {**spot, "topic": scenario_names.get(spot["topic"], spot["topic"])} for spot in event[key]
                ]
        return translated
