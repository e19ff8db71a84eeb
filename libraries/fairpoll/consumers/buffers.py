"""Bounded waiting rooms, one a partition, served in turn: what makes the fair consumer fair."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from fairpoll.consumers.record import Partition, Record


class PartitionBuffers:
    """Records waiting for the sink, by partition. Thread-safe: one side adds, the other takes.

    A partition is full at `pause_threshold` records and has room again at half of it, so that it is
    paused seldom: each pause throws away what the client has prefetched. A poll that was under way
    may still add up to one batch above the threshold. Nothing is ever dropped.
    """

    def __init__(self, pause_threshold: int) -> None:
        self.pause_threshold = pause_threshold
        self._waiting: dict[Partition, deque[Record]] = {}
        # Whose turn it is: partitions with records, the next one to serve in front.
        self._turns: deque[Partition] = deque()
        self._changed = threading.Condition()

    def add(self, records: Iterable[Record]) -> None:
        """Append each record to its partition's buffer."""
        with self._changed:
            for record in records:
                partition = (record.topic(), record.partition())
                waiting = self._waiting.setdefault(partition, deque())
                if not waiting:
                    self._turns.append(partition)
                waiting.append(record)
            self._changed.notify()

    def wait(self, timeout_seconds: float) -> None:
        """Wait until a record is there to take, at most this long."""
        with self._changed:
            self._changed.wait_for(lambda: self._turns, timeout_seconds)

    def take(self) -> Record | None:
        """The next record of the partition whose turn it is; None when no record waits."""
        with self._changed:
            if not self._turns:
                return None
            partition = self.choose()
            self._turns.remove(partition)
            waiting = self._waiting[partition]
            record = waiting.popleft()
            if waiting:
                self._turns.append(partition)
            return record

    def choose(self) -> Partition:
        """Whose turn it is: the partition with records that was served the longest time ago.

        So one with a single record waits for at most one record of each other partition, however
        much those have.
        """
        return self._turns[0]

    def discard(self, partitions: Iterable[Partition]) -> None:
        """Forget the records of partitions that are no longer ours; their new owner reads them again."""
        with self._changed:
            for partition in partitions:
                self._waiting.pop(partition, None)
                if partition in self._turns:
                    self._turns.remove(partition)

    def full(self, partitions: Iterable[Partition]) -> list[Partition]:
        """Those of `partitions` that are at or above the threshold."""
        return [p for p in partitions if self.level(p) >= self.pause_threshold]

    def with_room(self, partitions: Iterable[Partition]) -> list[Partition]:
        """Those of `partitions` that are at or below half the threshold."""
        return [p for p in partitions if self.level(p) <= self.pause_threshold // 2]

    def level(self, partition: Partition) -> int:
        """How many records of this partition wait."""
        return len(self._waiting.get(partition, ()))

    def levels(self, partitions: Sequence[Partition]) -> list[dict[str, object]]:
        """Topic, partition and level of each, as events carry them."""
        return [{"topic": t, "partition": p, "buffered": self.level((t, p))} for t, p in partitions]
