"""A fair consumer: one thread always polls, another writes, giving each partition its
share of the sink.

The poll thread never waits for the sink, so records of a quiet partition are seen at once and the
group never takes this member for dead. Full buffers pause their partition, not the others. All
calls to the Kafka client are made by the poll thread.
"""

import threading
import time

from confluent_kafka import TopicPartition

from fairpoll.base.errors import ConsumerError, FairpollError
from fairpoll.consumers.base import Consumer, ConsumerConfig, partition_set
from fairpoll.consumers.buffers import PartitionBuffers
from fairpoll.contract.events import EventWriter
from fairpoll.contract.records import Partition

# How often offsets are committed, in real seconds: bounds what is read again after a crash.
COMMIT_INTERVAL_SECONDS = 0.5
# A resumed partition is asked for only by the next fetch: one that waits long for data of the others
# (500 ms by default) would leave it waiting as well.
FETCH_WAIT_MS = 100
# With its queue full the client asks for nothing for a whole second by default, and then runs dry.
FETCH_BACKOFF_MS = 20
# How long the worker sleeps when no record waits, before it looks whether it should stop.
IDLE_SECONDS = 0.1
# Each pause throws away what the client has prefetched: the worker first gets this long to make room.
ROOM_SECONDS = 0.02
# How long the sink may be busy with one partition before the next has its turn; short against any budget.
QUANTUM_SECONDS = 0.005
# However fast the sink: one event tells of all of them, and has to stay a line that can be read at once.
MOST_AT_ONCE = 2000
# How long the worker may take to finish the record in hand when the consumer stops.
WORKER_STOP_SECONDS = 10.0


class FairConsumer(Consumer):
    """Bounded buffers for each partition, which share the sink's time evenly.

    `partition_pause_threshold` buffered records pause a partition; at half of that it is resumed.
    """

    # Hook: the buffers of a poller that serves its partitions in another order.
    buffers_class = PartitionBuffers

    def __init__(self, config: ConsumerConfig, emit: EventWriter) -> None:
        super().__init__(config, emit)
        self.buffers = self.buffers_class(self.settings.partition_pause_threshold)
        self.paused: set[Partition] = set()
        self._worker_error: BaseException | None = None
        # The partition in the sink's hands, how many of its records, and since when.
        self._last: tuple[Partition, int, float] | None = None
        # How many records of a partition the sink is given at once.
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
            # A sink that keeps up needs no pause, only a moment.
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

        Looked at after every poll, also an empty one: when every partition is paused, all polls are.
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
        """The sink is free again: the records before have had it until now."""
        if self._last:
            partition, count, since = self._last
            spent = time.monotonic() - since
            self.buffers.charge(partition, spent)
            # Next time as many as fill the quantum; no more than twice as many, for times vary.
            fitting = int(QUANTUM_SECONDS * count / spent) if spent > 0 else 2 * count
            self._most = max(1, min(fitting, 2 * count, MOST_AT_ONCE))
            self._last = None

    def deliver_next(self) -> bool:
        """The sink is free: take the records whose turn it is and write them. False when there are none.

        One at a time while the sink's rate is limited, else as many as take it QUANTUM_SECONDS.
        """
        self._charge_last()
        with self.delivering:  # from their buffer to the sink in one step: not revoked in between
            records = self.buffers.take(1 if self.sink.pace.limited else self._most)
            if records:
                first = records[0]
                self._last = ((first.topic(), first.partition()), len(records), time.monotonic())
                self.deliver(records)
        return bool(records)

    def on_assign(self, partitions: list[TopicPartition]) -> None:
        """Begin with clean hands: nothing buffered, nothing paused, whatever was before."""
        self.let_go(partition_set(partitions))
        super().on_assign(partitions)

    def let_go(self, gone: set[Partition]) -> None:
        super().let_go(gone)
        self.buffers.discard(gone)
        if still_paused := self.paused & gone:
            # The client remembers a pause beyond the assignment: should the partition come back to us,
            # nothing would be fetched of it, and nobody would resume what nobody paused.
            self.client.resume([TopicPartition(*p) for p in still_paused])
            self.paused -= still_paused
