"""The recorded evidence of one run, read back as plain data in the scenario's own time.

Second 0 is the start of the live traffic, `duration` its end; backlog messages have negative times.
At SPEED 10 one real second is ten of these. Topics carry the scenario's names, not the cluster's.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fairpoll.base.errors import HistoryError
from fairpoll.contract.events import Event
from fairpoll.contract.evidence_kinds import ALL_EVIDENCE, Evidence
from fairpoll.contract.records import Partition, RecordId
from fairpoll.evidence.deliveries import Deliveries
from fairpoll.evidence.facts import HostPause, Process, RunFacts
from fairpoll.evidence.layout import producer_name
from fairpoll.evidence.records import Array, Delivered, Messages
from fairpoll.evidence.shared import SharedTopics
from fairpoll.evidence.stamps import Stamps
from fairpoll.evidence.unreadable import Unreadable
from fairpoll.scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class Committed:
    """An offset committed by the group, as reported by the consumer or the broker; -1 if it was deleted."""

    at: float
    topic: str
    partition: int
    offset: int
    reported: bool = False


@dataclass(frozen=True, slots=True)
class CommitSource:
    """How a group's commits were observed: in the broker's log, or by samples because of a `problem` with it.

    `exact`: the broker appended them by the clock of the machine on which the consumers run.
    """

    problem: str = ""
    exact: bool = False

    def __str__(self) -> str:
        sampled = f"sampled every 0.25 s, because {self.problem}"
        return sampled if self.problem else "every commit, from the broker's log"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that was injected. `until` equals `since` if it had no duration.

    `target` is broker, network, consumer, producer or output; `what` reads as `killed broker 2`.
    """

    target: str
    what: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Departure:
    """A member of the group that left or was evicted although nobody had asked its process to stop."""

    at: float
    member: str


@dataclass(frozen=True, slots=True)
class Held:
    """A partition was a member's by the coordinator's word, though the member's process had ended."""

    partition: Partition
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class ObservedGroup:
    """What the coordinator has of the consumer's group: whether it ever had a member, and who departed.

    `held` has the partitions of members whose sessions went on after their processes. The group was seen to
    use the `consumer_protocol` (KIP-848).
    """

    joined: bool
    departures: Sequence[Departure] = ()
    held: Sequence[Held] = ()
    consumer_protocol: bool = False


@dataclass(frozen=True)
class ConsumerHistory:
    """One consumer's deliveries and, in the order of time, the other events it reported.

    Deliveries and commits are in `delivered` and `commits`; `events` has all other events.
    `commits` are in the order of time; `final_offsets` is what was committed when all had stopped.
    `commit_source` is None in recordings of earlier versions, which sampled commits.
    Without the evidence of records, `delivered` is taken from the commits seen from outside: a record
    then counts as delivered when an offset beyond it had been committed.
    """

    name: str
    delivered: Deliveries
    events: Sequence[Event] = ()
    commits: Sequence[Committed] = ()
    final_offsets: Mapping[Partition, int] | None = None
    dead_letters: Sequence[Delivered] = ()
    # Samples of the memory of all its processes together: (scenario second, bytes), in the order of time.
    memory: Sequence[tuple[float, int]] = ()
    # Used by its processes until the last sample; None in recordings of earlier versions.
    cpu_seconds: float | None = None
    evidence: frozenset[Evidence] = ALL_EVIDENCE
    unreadable: Unreadable = field(default_factory=Unreadable)
    stamps: Stamps = field(default_factory=Stamps)
    commit_source: CommitSource | None = None
    # None if the coordinator's members were not observed.
    group: ObservedGroup | None = None
    # The kind of sink in which its records were seen from outside (`contract.source`); "" by its own lines.
    seen_in: str = ""
    # Deliveries of other producers' messages on shared topics; they are not in `delivered`.
    foreign: int = 0

    @property
    def seen_within_seconds(self) -> float:
        """By how much (real seconds) its records' times may differ from those of its commits and assignments.

        A record in a topic or a database is seen some time after it was written, a transaction makes it
        visible after the commit that is part of it, and another machine's clock may have stamped it.
        """
        return 0.5 if self.seen_in in ("topic", "sql") else 0.0

    @property
    def peak_memory_bytes(self) -> int:
        """The highest sample; 0 without any."""
        return max((used for _, used in self.memory), default=0)

    @property
    def took_nothing(self) -> bool:
        """Whether a member of its group was assigned partitions and left neither a record nor a commit.

        That shows no single record, but that there was none. Lines that cannot be read leave it open.
        """
        left = "records" in self.evidence or len(self.delivered) or self.commits or len(self.unreadable)
        committed = any(offset > 0 for offset in (self.final_offsets or {}).values())
        return "assignments" in self.evidence and not left and not committed

    def rejected(self, policy: str | None = None) -> dict[RecordId, float]:
        """When each poison record was reported as rejected, under this policy or under any."""
        return {
            (record["topic"], record["partition"], record["offset"]): event["at"]
            for event in self.events_named("record_rejected")
            if policy in (None, event.get("policy"))
            for record in event["records"]
        }

    def events_named(self, *names: str) -> list[Event]:
        return [event for event in self.events if event.get("name") in names]


@dataclass(frozen=True)
class Recording:
    """One run: its plan, the acked messages, and each consumer's history."""

    folder: Path
    run_id: str
    scenario: Scenario
    speed: float
    acked: Messages
    consumers: Mapping[str, ConsumerHistory]
    facts: RunFacts
    failed_ids: frozenset[str] = frozenset()
    cluster: str = ""
    longest_pause_seconds: float = 0.0
    complete: bool = True
    log_start: Mapping[Partition, int] = field(default_factory=dict)
    # Files whose last line is incomplete; that line is ignored.
    cut_off: tuple[str, ...] = ()
    # Ledgers that are missing.
    missing: tuple[str, ...] = ()
    shared: SharedTopics = field(default_factory=SharedTopics)

    @property
    def clock_error_seconds(self) -> float:
        """The error bound of durations measured by two machines' clocks, in scenario seconds.

        0 for a run on one machine, infinite where the clock of a part was not measured.
        """
        if self.facts.shards is None:
            return 0.0
        producers = [producer_name(number + 1) for number in range(self.facts.shards)]
        errors = {part: clock.error_ms for part, clock in self.facts.clocks.items()}
        return (
            self.speed
            / 1000
            * sum(
                max((errors.get(part, math.inf) for part in parts), default=0.0)
                for parts in (producers, self.consumers)
            )
        )

    @property
    def waits_from_ack(self) -> bool:
        """Whether a message's wait begins with its ack; if not, when it was due."""
        return self.facts.waits_since == "ack"

    @property
    def steps(self) -> list[tuple[float, str, float | None]]:
        """The timeline as it was carried out: (time, verb, rate)."""
        return [(self.seconds(step.at_ms), step.verb, step.rate) for step in self.facts.timeline]

    @property
    def faults(self) -> list[Fault]:
        """The faults that were injected, in the order of time."""
        return [
            Fault(fault.target, fault.what, self.seconds(fault.from_ms), self.seconds(fault.until_ms))
            for fault in sorted(self.facts.faults, key=lambda fault: fault.from_ms)
        ]

    def pauses_of(self, consumer: str) -> list[HostPause]:
        """The pauses of the machine on which this consumer ran, in the order of time."""
        pauses = [pause for pause in self.facts.host.pauses if pause.part in ("", consumer)]
        return sorted(pauses, key=lambda pause: pause.from_ms)

    def processes_of(self, consumer: str) -> list[Process]:
        """The consumer's processes in the order of their start; empty in recordings of earlier versions."""
        return [process for process in self.facts.processes if process.consumer == consumer]

    def seconds(self, epoch_ms: float) -> float:
        """This time in scenario seconds."""
        return (epoch_ms - (self.facts.start_ms or 0.0)) / 1000 * self.speed

    @property
    def watched_until(self) -> float:
        """The end of the observation, in scenario seconds.

        The last consumer had stopped, after the drain, or the run was cut off.
        """
        stopped = self.facts.stopped_ms
        return self.duration if stopped is None else self.seconds(stopped)

    @property
    def drained_until(self) -> float:
        """The end of the drain, before the consumers were stopped; without a drain, that of the traffic."""
        drained = self.facts.drained_ms
        return self.duration if drained is None else self.seconds(drained)

    @property
    def duration(self) -> float:
        """Length of the judged window, in scenario seconds."""
        return self.scenario.duration_seconds

    def topics_of(self, volume: str) -> list[str]:
        """The topics of this volume, `high` or `low`, or the one topic of this name.

        Raises HistoryError for an unknown topic.
        """
        names = [topic.name for topic in self.scenario.topics]
        if volume in ("high", "low"):
            return [topic.name for topic in self.scenario.of_volume(volume)]
        if volume not in names:
            raise HistoryError(
                f"no topic '{volume}' in this run; say high, low, or one of: {', '.join(names)}"
            )
        return [volume]

    def first(self, consumer: str) -> Array:
        """The first delivery time of each acked message by this consumer; infinite if there is none."""
        return self.consumers[consumer].delivered.first_of_acked

    def delivered_in_window(self, consumer: str, topics: Sequence[str]) -> int:
        """The number of different records of these topics that were delivered during the live traffic."""
        return self.delivered_between(consumer, topics, 0, math.nextafter(self.duration, math.inf))

    def delivered_between(self, consumer: str, topics: Sequence[str], start: float, end: float) -> int:
        """The number of different records of these topics first delivered in [`start`, `end`)."""
        firsts = self.first_deliveries(consumer, topics)
        return sum(int(np.count_nonzero((start <= first) & (first < end))) for first in firsts)

    def first_deliveries(self, consumer: str, topics: Sequence[str]) -> Iterator[Array]:
        """The first delivery time of each record of these topics, acked or not; infinite if there is none.

        Partition by partition, and last of all those that were never acked.
        """
        delivered = self.consumers[consumer].delivered
        last = self.acked.last_of_record
        for rows in self.acked.of_topics(topics):
            first = delivered.first[rows]
            # A record that was acked twice is one record.
            yield first if last is None else first[last[rows] == np.arange(rows.start, rows.stop)]
        known = len(self.acked)
        foreign = [known + n for n, (topic, _, _) in enumerate(delivered.foreign) if topic in topics]
        yield delivered.first[foreign]
