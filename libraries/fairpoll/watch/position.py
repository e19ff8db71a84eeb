"""One sample of a group: the offsets of its partitions, and who owns them."""

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from fairpoll.base import clock
from fairpoll.base.errors import ClusterError
from fairpoll.contract.records import Partition
from fairpoll.watch.reader import Reader

REQUEST_SECONDS = 10.0
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
    """Samples at the group again and again; joins nothing and commits nothing.

    A partition is watched once a member owned it, the group committed in it, or its topic was named or had
    another such partition: a topic that was never committed is seen from the first sample on.
    """

    def __init__(
        self,
        client: AdminClient,
        committed: Reader,
        everything: Reader,
        group: str,
        topics: Collection[str] = (),
    ) -> None:
        """`committed` reads with read_committed, `everything` with read_uncommitted."""
        self._client, self._group = client, group
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
        described = self._described()
        committed = self._committed()
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
        self._ids = self._partitions()
        self._starts = self._reader.starts(self._ids)

    def _described(self) -> Any:
        asked = self._client.describe_consumer_groups([self._group], request_timeout=REQUEST_SECONDS)
        return _result(asked[self._group], f"group {self._group}")

    def _committed(self) -> dict[Partition, int]:
        asked = self._client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(self._group)],
            require_stable=False,
            request_timeout=REQUEST_SECONDS,
        )
        answer = _result(asked[self._group], f"the offsets of group {self._group}")
        return {(p.topic, p.partition): p.offset for p in answer.topic_partitions if p.offset >= 0}

    def _partitions(self) -> dict[Partition, str]:
        """The partitions of all topics, with the topic's id; a topic that was deleted is left out."""
        if not self._topics:
            return {}
        futures = self._client.describe_topics(
            TopicCollection(sorted(self._topics)), request_timeout=REQUEST_SECONDS
        )
        found: dict[Partition, str] = {}
        for name, future in futures.items():
            try:
                described = future.result(REQUEST_SECONDS)
            except KafkaException as error:
                if name in self._named:
                    raise ClusterError(f"topic {name}: {error.args[0].str()}") from None
                continue
            found |= {(name, p.id): str(described.topic_id) for p in described.partitions}
        return found


def _result(future: Any, what: str) -> Any:
    try:
        return future.result(REQUEST_SECONDS)
    except KafkaException as error:
        raise ClusterError(f"{what}: {error.args[0].name()} {error.args[0].str()}") from None
    except TimeoutError:
        raise ClusterError(f"{what}: no answer within {REQUEST_SECONDS:g} s") from None
