"""One sample of a group: the offsets of its partitions, and who owns them."""

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fairpoll.base import clock
from fairpoll.cluster.admin import Admin
from fairpoll.contract.records import Partition
from fairpoll.watch.reader import Reader

# How old the list of partitions and the log starts may be.
REFRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets of a partition; `committed` is None if the group never committed there.

    `start` is the first offset that the broker holds, `end` the offset of the next record, `stable` the end
    of what a read_committed consumer is given: it stays before an open transaction.
    """

    committed: int | None
    start: int
    stable: int
    end: int
    topic_id: str = ""


@dataclass(frozen=True)
class Sample:
    """What was seen of the group between `asked_ms` and `seen_ms` (milliseconds since the epoch).

    `owners` maps partitions to a member's client id and host; `state` is the group's, in Kafka's words.
    """

    asked_ms: float
    seen_ms: float
    state: str
    offsets: Mapping[Partition, Offsets]
    owners: Mapping[Partition, str] = field(default_factory=dict)
    members: Collection[str] = ()


class Positions:
    """Samples the group again and again; joins nothing and commits nothing.

    A partition is watched once a member owned it, the group committed in it, or its topic was named or had
    another such partition: a topic that was never committed is seen from the first sample on.
    """

    def __init__(
        self,
        admin: Admin,
        committed: Reader,
        everything: Reader,
        group: str,
        topics: Collection[str] = (),
    ) -> None:
        """`committed` reads with read_committed, `everything` with read_uncommitted."""
        self._admin, self._group = admin, group
        self._committed_reader, self._reader = committed, everything
        self._topics: set[str] = set(topics)
        self._named = frozenset(topics)
        # The partitions with their topics' ids, the log starts, and when they were asked for.
        self._ids: dict[Partition, str] = {}
        self._starts: dict[Partition, int] = {}
        self._known_topics: set[str] = set()
        self._asked_at = -math.inf

    def sample(self) -> Sample:
        """Raises ClusterError if the cluster does not answer, or a topic that was named does not exist."""
        asked_ms = clock.now_ms()
        described = self._admin.described(self._group)
        committed = self._admin.committed_offsets(self._group)
        owners: dict[Partition, str] = {}
        for member in described.members:
            assigned = member.assignment.topic_partitions if member.assignment else []
            for p in assigned:
                owners[(p.topic, p.partition)] = f"{member.client_id} on {member.host.lstrip('/')}"
        self._topics |= {topic for topic, _ in (*owners, *committed)}
        self._refresh()
        ids, starts = self._ids, self._starts
        # The committed offset is asked for before the ends: it cannot be beyond them.
        stable, ends = self._committed_reader.ends(ids), self._reader.ends(ids)
        offsets = {
            p: Offsets(committed.get(p), starts[p], stable[p], max(ends[p], stable[p]), topic_id)
            for p, topic_id in ids.items()
            if p in starts and p in stable and p in ends
        }
        members = [member.member_id for member in described.members]
        return Sample(asked_ms, clock.now_ms(), described.state.name.lower(), offsets, owners, members)

    def _refresh(self) -> None:
        """Ask for what seldom changes: partitions, ids and log starts."""
        if self._topics == self._known_topics and time.monotonic() - self._asked_at < REFRESH_SECONDS:
            return
        self._known_topics, self._asked_at = set(self._topics), time.monotonic()
        # A topic that was not named may have been deleted since.
        described = self._admin.described_topics(self._topics, optional=self._topics - self._named)
        self._ids = {
            (name, partition.id): str(topic.topic_id)
            for name, topic in described.items()
            for partition in topic.partitions
        }
        self._starts = self._reader.starts(self._ids)
