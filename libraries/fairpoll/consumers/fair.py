"""A fair consumer: one thread polls, another writes and gives each partition its share of the sink.

The poll thread never waits for the sink, so records of a quiet partition are read at once and the member
is never evicted for a late poll. A full buffer pauses its own partition only. All calls to the Kafka client
are made by the poll thread.
"""

import threading
import time

from confluent_kafka import TopicPartition

from fairpoll.base.errors import ConsumerError, FairpollError
from fairpoll.consumers.base import Consumer, ConsumerConfig, partition_set
from fairpoll.consumers.buffers import PartitionBuffers
from fairpoll.contract.events import EventWriter
from fairpoll.contract.records import Partition

# Commit interval in real seconds; it bounds the number of records that are read again after a crash.
COMMIT_INTERVAL_SECONDS = 0.5
# A resumed partition is part of the next fetch only, and by default a fetch waits for up to 500 ms.
FETCH_WAIT_MS = 100
# With a full queue the client by default fetches nothing for a second, and then runs dry.
FETCH_BACKOFF_MS = 20
# How long the worker waits for a record before it checks whether it should stop.
IDLE_SECONDS = 0.1
# The worker gets this long to make room before a pause, which discards prefetched records.
ROOM_SECONDS = 0.02
# How long the sink is busy with one partition before the next one; short compared with any budget.
QUANTUM_SECONDS = 0.005
# Records that one event reports, whose line must be short enough to be read at once.
MOST_AT_ONCE = 2000
# How long the worker may take to finish the current record when the consumer stops.
WORKER_STOP_SECONDS = 10.0


class FairConsumer(Consumer):
    """Bounded buffers, one for each partition, share the sink's time evenly.

    A partition is paused at `partition_pause_threshold` buffered records and resumed at half of that.
    """

    # Hook: buffers that serve their partitions in another order.
    buffers_class = PartitionBuffers

    def __init__(self, config: ConsumerConfig, emit: EventWriter) -> None:
        super().__init__(config, emit)
        self.buffers = self.buffers_class(self.settings.partition_pause_threshold)
        self.paused: set[Partition] = set()
        self._worker_error: BaseException | None = None
        # The partition being written, the number of its records, and the moment at which writing began.
        self._last: tuple[Partition, int, float] | None = None
        # Records of a partition per write.
        self._most = 1

    def client_properties(self) -> dict[str, str | int]:
        return {"fetch.wait.max.ms": FETCH_WAIT_MS, "fetch.queue.backoff.ms": FETCH_BACKOFF_MS}

    def run(self) -> None:
        worker = threading.Thread(target=self._work, name="sink-worker", daemon=True)
        worker.start()
        try:
            self._poll_until_stopped()
        finally:
            self.stopping.set()
            worker.join(WORKER_STOP_SECONDS)
            self.commit(wait=True)

    def _poll_until_stopped(self) -> None:
        due = time.monotonic() + COMMIT_INTERVAL_SECONDS
        while not self.stopping.is_set():
            self.buffers.add(self.poll())
            # A sink that keeps up needs a moment, not a pause.
            self.buffers.wait_for_room(
                self.assigned - self.paused, self.settings.max_poll_records, ROOM_SECONDS
            )
            self.pause_full()
            self.resume_with_room()
            if time.monotonic() >= due:
                self.commit(wait=False)
                self.emit("buffer_levels", partitions=self.buffers.levels(self.buffers.waiting()))
                due = time.monotonic() + COMMIT_INTERVAL_SECONDS
            if isinstance(self._worker_error, FairpollError):
                raise self._worker_error
            if self._worker_error:
                raise ConsumerError(f"the sink failed: {self._worker_error}") from self._worker_error

    def pause_full(self) -> None:
        """Pause the partitions whose buffers are full."""
        if full := self.buffers.full(self.assigned - self.paused):
            self.client.pause([TopicPartition(*p) for p in full])
            self.paused.update(full)
            self.emit("partitions_paused", partitions=self.buffers.levels(full))

    def resume_with_room(self) -> None:
        """Resume paused partitions whose buffers have drained to half the threshold.

        Called also after an empty poll: all polls are empty while every partition is paused.
        """
        if ready := self.buffers.with_room(self.paused):
            self.client.resume([TopicPartition(*p) for p in ready])
            self.paused.difference_update(ready)
            self.emit("partitions_resumed", partitions=self.buffers.levels(ready))

    def _work(self) -> None:
        try:
            while self.sink.pace.wait_turn(self.stopping):
                if not self.deliver_next():
                    self.buffers.wait(IDLE_SECONDS)
        except BaseException as error:
            self._worker_error = error  # raised again by the poll thread

    def _charge_last(self) -> None:
        """The sink is free again: charge the time until now to the partition written last."""
        if self._last:
            partition, count, since = self._last
            spent = time.monotonic() - since
            self.buffers.charge(partition, spent)
            # The next batch fills the quantum, but is at most twice as large, because times vary.
            fitting = int(QUANTUM_SECONDS * count / spent) if spent > 0 else 2 * count
            self._most = max(1, min(fitting, 2 * count, MOST_AT_ONCE))
            self._last = None

    def deliver_next(self) -> bool:
        """Take the records whose turn it is and write them. Return False if there are none.

        One record while the sink's rate is limited, else as many as it writes in QUANTUM_SECONDS.
        """
        self._charge_last()
        with self.delivering:  # from the buffer to the sink in one step, with no revocation in between
            records = self.buffers.take(1 if self.sink.pace.limited else self._most)
            if records:
                first = records[0]
                self._last = ((first.topic(), first.partition()), len(records), time.monotonic())
                self.deliver(records)
        return bool(records)

    def on_assign(self, partitions: list[TopicPartition]) -> None:
        """Discard the buffers and pauses of an earlier assignment, then take the partitions over."""
        self.let_go(partition_set(partitions))
        super().on_assign(partitions)

    def let_go(self, gone: set[Partition]) -> None:
        super().let_go(gone)
        self.buffers.discard(gone)
        if still_paused := self.paused & gone:
            # The client keeps a pause beyond the assignment: if the partition were assigned again, it would
            # stay paused, and this consumer would not resume it.
            self.client.resume([TopicPartition(*p) for p in still_paused])
            self.paused -= still_paused
