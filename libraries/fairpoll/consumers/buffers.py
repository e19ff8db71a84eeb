"""Bounded buffers, one for each partition, which are served in turn."""

import heapq
import threading
from collections import deque
from collections.abc import Collection, Iterable, Sequence

from fairpoll.consumers.record import Record, runs
from fairpoll.contract.records import Partition

# Each other partition may be served for this long before one that was slow once is served again: with ten
# partitions 2.5 s, which a budget of 5 s allows.
MAX_DEBT_SECONDS = 0.25


class PartitionBuffers:
    """Records waiting for the sink, by partition. Thread-safe: one side adds, the other takes.

    A partition is full at `pause_threshold` records and has room again at half of it, so that it is
    paused seldom: each pause discards the client's prefetch. A poll that is under way may still add one
    batch above the threshold. No record is ever dropped.

    The partitions share the sink's time evenly, not the number of records: a topic whose records take
    a hundred times as long must not get a hundred times as much of it. Each partition has an account
    of the time for which it was served; the lowest is next. A partition without records catches up to
    the others' accounts, so that it cannot save up turns (start-time fair queueing: Goyal, Vin,
    Cheng, 1996).
    """

    def __init__(self, pause_threshold: int) -> None:
        self.pause_threshold = pause_threshold
        self._waiting: dict[Partition, deque[Record]] = {}
        # Partitions with records, each with a sequence number from when it was last queued.
        self._turns: dict[Partition, int] = {}
        self._last_turn = 0
        # A heap of these: (account, sequence number, partition). Accounts only grow, so an outdated entry
        # is too low and is updated when it reaches the top.
        self._order: list[tuple[float, int, Partition]] = []
        self._served: dict[Partition, float] = {}
        # The account of the partition served last, at which partitions that become ready begin.
        self._now = 0.0
        # Partitions above half the threshold.
        self._crowded: set[Partition] = set()
        # The last `choose` returned None, and no record has been added since.
        self._none_chosen = False
        self._changed = threading.Condition()

    def add(self, records: Sequence[Record]) -> None:
        """Append each record to its partition's buffer."""
        # Grouped before the lock is taken, because the worker needs the lock as well.
        arrived = list(runs(records))
        with self._changed:
            for partition, batch in arrived:
                waiting = self._waiting.setdefault(partition, deque())
                if not waiting:
                    self._served[partition] = max(self._served.get(partition, 0.0), self._now)
                    self._queue(partition)
                waiting.extend(batch)
                self.added(partition, batch)
                if len(waiting) > self.pause_threshold // 2:
                    self._crowded.add(partition)
            self._none_chosen = False
            self._changed.notify_all()

    def added(self, partition: Partition, records: Sequence[Record]) -> None:
        """Hook, called under the lock: these records have been appended to the partition's buffer."""

    def wait(self, timeout_seconds: float) -> None:
        """Wait until a record can be taken, at most this long."""
        with self._changed:
            self._changed.wait_for(lambda: self._turns and not self._none_chosen, timeout_seconds)

    def wait_for_room(self, partitions: Collection[Partition], records: int, timeout_seconds: float) -> None:
        """If this many more records could fill one of the partitions, wait until all have room.

        A partition has room at half the threshold or below. Waits at most `timeout_seconds`.
        """
        with self._changed:
            crowded = self._crowded.intersection(partitions)
            if any(self.level(p) + records > self.pause_threshold for p in crowded):
                self._changed.wait_for(lambda: self._crowded.isdisjoint(partitions), timeout_seconds)

    def take(self, most: int = 1) -> list[Record]:
        """The next records, at most `most`, of the partition whose turn it is; empty if none waits."""
        with self._changed:
            if not self._turns:
                return []
            partition = self.choose()
            self._none_chosen = partition is None
            if partition is None:
                return []
            del self._turns[partition]
            waiting = self._waiting[partition]
            taken = self.pick(waiting, min(most, len(waiting)))
            if waiting:
                self._queue(partition)
            if partition in self._crowded and len(waiting) <= self.pause_threshold // 2:
                self._crowded.discard(partition)
                self._changed.notify_all()
            return taken

    def pick(self, waiting: deque[Record], count: int) -> list[Record]:
        """Hook, called under the lock: remove the next `count` records from a partition's buffer."""
        if count < len(waiting):
            return [waiting.popleft() for _ in range(count)]
        picked = list(waiting)
        waiting.clear()
        return picked

    @property
    def ready(self) -> Collection[Partition]:
        """The partitions with records; the one that has waited longest for its turn comes first."""
        return self._turns.keys()

    def choose(self) -> Partition | None:
        """Hook, called under the lock: the next partition, one of `ready`; None to let all of them wait.

        It is the least served partition; among equals, the one that has waited longest. If all records take
        the same time, a single record waits for at most one record of each other partition.
        """
        while True:
            account, number, partition = self._order[0]
            if self._turns.get(partition) != number:
                heapq.heappop(self._order)  # served or revoked since
            elif account < self._served[partition]:
                heapq.heapreplace(self._order, (self._served[partition], number, partition))
            else:
                self._now = account
                return partition

    def _queue(self, partition: Partition) -> None:
        self._last_turn += 1
        self._turns[partition] = self._last_turn
        heapq.heappush(self._order, (self._served[partition], self._last_turn, partition))

    def charge(self, partition: Partition, seconds: float) -> None:
        """Add the time that the sink was busy with a record to its partition's account.

        At most MAX_DEBT_SECONDS above the account served last, so that a single slow record or a host
        pause does not shut its partition out for as long.
        """
        with self._changed:
            owed = self._served.get(partition, self._now) + seconds
            self._served[partition] = min(owed, self._now + MAX_DEBT_SECONDS)

    def discard(self, partitions: Iterable[Partition]) -> None:
        """Drop the records of revoked partitions; their new owner reads them again."""
        with self._changed:
            for partition in partitions:
                self._waiting.pop(partition, None)
                self._turns.pop(partition, None)
                self._crowded.discard(partition)

    def full(self, partitions: Iterable[Partition]) -> list[Partition]:
        """The given partitions that are at or above the threshold."""
        with self._changed:
            crowded = self._crowded.intersection(partitions)
            return [p for p in crowded if self.level(p) >= self.pause_threshold]

    def with_room(self, partitions: Iterable[Partition]) -> list[Partition]:
        """The given partitions that are at or below half the threshold."""
        with self._changed:
            return [p for p in partitions if p not in self._crowded]

    def level(self, partition: Partition) -> int:
        """The number of buffered records of this partition."""
        return len(self._waiting.get(partition, ()))

    def levels(self, partitions: Sequence[Partition]) -> list[dict[str, object]]:
        """Topic, partition and level of each, for an event."""
        return [{"topic": t, "partition": p, "buffered": self.level((t, p))} for t, p in partitions]

    def waiting(self) -> list[Partition]:
        """The partitions that have records, sorted."""
        with self._changed:
            return sorted(self.ready)
