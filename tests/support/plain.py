"""The checkers in their simplest form: one record after another, over lists and dicts.

What `fairpoll.checkers` works out on whole columns must come to the same; `test_columns` holds them against
one another. Each returns the records that are wrong, in the order in which they are named, or a figure.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Committed
from fairpoll.evidence.records import Acked, Delivered, RecordId

NEVER = float("inf")


@dataclass
class Plain:
    """A recording and what its one consumer did; `delivered`, `events` and `commits` in the order of time."""

    partitions: Sequence[Partition]
    acked: Sequence[Acked]
    delivered: Sequence[Delivered]
    events: Sequence[dict]
    commits: Sequence[Committed]
    duration: float
    waits_since: str = "due"

    def __post_init__(self) -> None:
        self.first: dict[RecordId, float] = {}
        for record in self.delivered:
            self.first.setdefault(record.record_id, record.at)
        self.known = {message.record_id: message for message in self.acked}
        self.by_partition: dict[Partition, list[Acked]] = {partition: [] for partition in self.partitions}
        for message in sorted(self.acked, key=lambda m: m.offset):
            self.by_partition[(message.topic, message.partition)].append(message)
        self.assigned: dict[Partition, list[float]] = defaultdict(list)
        self.changes: dict[tuple[str, Partition], list[tuple[float, bool]]] = defaultdict(list)
        for event in self.events:
            given = event["name"] == "partitions_assigned"
            for partition in self._concerned(event):
                self.changes[(event.get("member", ""), partition)].append((event["at"], given))
                if given:
                    self.assigned[partition].append(event["at"])

    def _concerned(self, event: dict) -> list[Partition]:
        """The partitions whose owner the event can change: all of them, when a process starts."""
        if event["name"] == "startup_complete":
            return [*self.partitions]
        return [(owned["topic"], owned["partition"]) for owned in event["partitions"]]

    def nothing_lost(self) -> tuple[list[RecordId], list[RecordId], list[RecordId]]:
        """The messages passed over, good and poison (none of which is put aside), and those never read."""
        good, poison, unread = [], [], []
        for partition, messages in self.by_partition.items():
            taken = [m.offset for m in messages if m.record_id in self.first]
            taken += [c.offset - 1 for c in self.commits if (c.topic, c.partition) == partition]
            for m in messages:
                if m.offset > max(taken, default=-1):
                    unread += [] if m.record_id in self.first else [m.record_id]
                elif m.poison:
                    poison.append(m.record_id)
                elif m.record_id not in self.first:
                    good.append(m.record_id)
        return good, poison, unread

    def content_intact(self) -> list[RecordId]:
        known = self.known
        return [
            r.record_id
            for r in self.delivered
            if r.record_id in known and known[r.record_id].checksum != r.checksum
        ]

    def only_acked_delivered(self) -> list[RecordId]:
        return [
            r.record_id for r in self.delivered if r.record_id not in self.known and r.message_id != "failed"
        ]

    def right_place(self) -> list[RecordId]:
        topics = {topic for topic, _ in self.partitions}
        return [
            r.record_id for r in self.delivered if r.topic in topics and r.output != f"{r.topic}_vol.json"
        ]

    def no_forbidden_duplicates(self) -> list[RecordId]:
        last: dict[RecordId, Delivered] = {}
        wrong = []
        for record in self.delivered:
            before = last.get(record.record_id)
            last[record.record_id] = record
            if before is None:
                continue
            partition = (record.topic, record.partition)
            since = [at for at in self.assigned[partition] if before.at < at <= record.at]
            if not since or record.offset < max(
                (c.offset for c in self.commits if (c.topic, c.partition) == partition and c.at <= since[0]),
                default=0,
            ):
                wrong.append(record.record_id)
        return wrong

    def order_kept(self) -> list[RecordId]:
        last: dict[Partition, Delivered] = {}
        wrong = []
        for record in self.delivered:
            partition = (record.topic, record.partition)
            before = last.get(partition)
            last[partition] = record
            if before is None or record.offset >= before.offset:
                continue
            if not any(before.at < at <= record.at for at in self.assigned[partition]):
                wrong.append(record.record_id)
        return wrong

    def only_while_assigned(self) -> list[RecordId]:
        wrong = []
        for record in self.delivered:
            owned, ended = False, -math.inf
            for at, given in self.changes[(record.member, (record.topic, record.partition))]:
                if at <= record.at:
                    ended = at if owned and not given else ended
                    owned = given
            if not owned and record.at >= ended + 0.001:
                wrong.append(record.record_id)
        return wrong

    def commits_never_ahead(self) -> list[RecordId]:
        ahead = []
        passed: set[RecordId] = set()
        for commit in self.commits:
            before = [
                m for m in self.by_partition[(commit.topic, commit.partition)] if m.offset < commit.offset
            ]
            lost = {m.record_id for m in before if m.record_id not in self.first}
            late = any(self.first.get(m.record_id, -NEVER) > commit.at + 0.05 for m in before)
            if late or lost - passed:
                ahead.append((commit.topic, commit.partition, commit.offset))
            passed |= lost
        return ahead

    def oldest_wait(self, topics: Sequence[str]) -> float:
        return max((wait for wait, _ in self._waits(topics)), default=0.0)

    def latency(self, topics: Sequence[str], percentile: int) -> float:
        ages = sorted(wait for wait, message in self._waits(topics) if not message.backlog)
        return ages[min(len(ages) - 1, len(ages) * percentile // 100)] if ages else 0.0

    def delivered_in_window(self, topics: Sequence[str]) -> int:
        return sum(
            1 for (topic, *_), at in self.first.items() if topic in topics and 0 <= at <= self.duration
        )

    def due_missing(self, topics: Sequence[str], seconds: float) -> int:
        return sum(
            1
            for m in self.acked
            if m.topic in topics
            and self._since(m) <= self.duration - seconds
            and not m.poison
            and self.first.get(m.record_id, NEVER) > self.duration
        )

    def longest_silence(self, partitions: Sequence[Partition]) -> tuple[float, float]:
        """(length, beginning)."""
        passed = [pair for partition in partitions for pair in self._passed_at(partition)]
        moments = sorted({at for at, _ in passed if 0 <= at <= self.duration})
        longest = (0.0, 0.0)
        for before, after in zip([0.0, *moments], [*moments, self.duration], strict=True):
            sent = [_acked_at(m) for at, m in passed if at >= after and _acked_at(m) < after]
            since = max(before, min(sent, default=after))
            length = after - since - self._unassigned(partitions, since, after)
            if length > longest[0]:
                longest = (length, since)
        return longest

    def _unassigned(self, partitions: Sequence[Partition], since: float, until: float) -> float:
        """Seconds between these in which no member owned any of the partitions, between two events each."""
        moments = sorted(
            {since, until, *(event["at"] for event in self.events if since < event["at"] < until)}
        )
        return sum(
            end - start
            for start, end in pairwise(moments)
            if all(self._in_rebalance(partition, start) for partition in partitions)
        )

    def _in_rebalance(self, partition: Partition, moment: float) -> bool:
        """Whether the partition had been revoked from its last owner, and is assigned again later."""
        owners: set[str] = set()
        begun = False
        for event in self.events:
            if partition not in self._concerned(event):
                continue
            given, member = event["name"] == "partitions_assigned", event.get("member", "")
            if event["at"] > moment:
                if begun and given:
                    return True
                continue
            if given:
                owners.add(member)
                begun = False
            elif member in owners:
                owners.remove(member)
                begun = not owners and not event.get("lost")
        return False

    def _waits(self, topics: Sequence[str]) -> list[tuple[float, Acked]]:
        return [
            (max(min(self.first.get(m.record_id, NEVER), self.duration) - self._since(m), 0.0), m)
            for m in self.acked
            if m.topic in topics and self._since(m) <= self.duration and not m.poison
        ]

    def _since(self, message: Acked) -> float:
        return _acked_at(message) if self.waits_since == "ack" else message.intended

    def _passed_at(self, partition: Partition) -> list[tuple[float, Acked]]:
        messages = self.by_partition[partition]
        return [
            (min(self.first.get(later.record_id, NEVER) for later in messages[index:]), message)
            for index, message in enumerate(messages)
            if not message.poison
        ]


def _acked_at(message: Acked) -> float:
    return message.intended if message.acked is None else max(message.acked, message.intended)
