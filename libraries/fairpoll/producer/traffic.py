"""Produces a scenario's traffic on its schedule, and keeps the ledger of what the brokers acked.

Open loop: every message has an intended send time, fixed before the run, and is sent then whether or not
earlier messages are acked. So a slow broker causes latency, never fewer messages (no coordinated omission).
"""

import contextlib
import gc
import heapq
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic

from confluent_kafka import KafkaError, Message, Producer

from fairpoll.base.clock import now_ms, now_seconds, sleep_until
from fairpoll.base.errors import TrafficError
from fairpoll.contract.events import EventWriter, dump, read_events
from fairpoll.contract.records import MESSAGE_ID_HEADER
from fairpoll.producer.messages import Messages
from fairpoll.scenarios.model import Scenario, TopicPlan

# Flush timeout: if no outstanding message is acked for this long, the rest have failed. A whole flush may
# take longer, for example on a broker that opens thousands of partitions.
FLUSH_SECONDS = 30.0
# If the client's buffer is full, its callbacks are served for this long before the next try.
QUEUE_FULL_WAIT_SECONDS = 0.05
BACKLOG_BATCH = -1
# Messages sent, in about a millisecond, before the client is polled for acks and other due bursts get a turn.
PIECE = 250
# Longest wait for acks; after each wait the acks are written and `stop` is checked.
SERVE_SECONDS = 0.1
# The client counts in whole milliseconds; the rest of a wait is slept.
CLIENT_TICK_SECONDS = 0.001
# Acks within this time share one timestamp: reading the clock for each takes too long.
STAMP_SECONDS = 0.001
SOUND, POISON = '"poison":false', '"poison":true'
ACKED, NOT_ACKED = '"name":"producer_send_success",', '"name":"producer_send_error",'


@dataclass(frozen=True)
class Burst:
    """Messages of one topic that are due together, `due_seconds` after the start, or a piece of them."""

    due_seconds: float
    topic_index: int
    batch: int
    sequences: range


def live_plan(scenario: Scenario, elapsed: Callable[[], float] = lambda: 0.0) -> Iterator[Burst]:
    """All live bursts in the order of their due times (from 0, before the end), in pieces of at most PIECE.

    The rest of a large burst is queued at the time that `elapsed` returns, so that bursts which are due
    meanwhile come first.
    """
    bursts = [_bursts(topic, index, scenario) for index, topic in enumerate(scenario.topics)]
    first = (next(of_topic, None) for of_topic in bursts)
    # One entry a topic, so that its sequence is kept.
    due = [(burst.due_seconds, burst.topic_index, burst) for burst in first if burst]
    heapq.heapify(due)
    while due:
        _, index, burst = due[0]
        yield replace(burst, sequences=burst.sequences[:PIECE])
        if rest := burst.sequences[PIECE:]:
            at = max(burst.due_seconds, elapsed())
            heapq.heapreplace(due, (at, index, replace(burst, sequences=rest)))
        elif following := next(bursts[index], None):
            heapq.heapreplace(due, (following.due_seconds, index, following))
        else:
            heapq.heappop(due)


def _bursts(topic: TopicPlan, index: int, scenario: Scenario) -> Iterator[Burst]:
    for batch in range(topic.live_bursts(scenario.duration_seconds)):
        # Multiplied, because a sum would drift.
        due = topic.starts_after_seconds + batch * topic.traffic.interval_seconds
        first = topic.backlog + batch * topic.traffic.messages
        yield Burst(due, index, batch, range(first, first + topic.traffic.messages))


def acked_in(ledger: Path) -> set[tuple[str, int]]:
    """(topic, sequence) of every acked message in the ledger. Raises HistoryError."""
    acked = (event for event in read_events(ledger) if event["name"] == "producer_send_success")
    return {(event["topic"], event["sequence"]) for event in acked}


def deliverable_in(ledger: Path) -> int:
    """The number of deliverable messages in the ledger: those that are acked and not poison.

    The lines are searched as bytes, in a tenth of the time that parsing takes.
    """
    acked, sound = ACKED.encode(), SOUND.encode()
    with ledger.open("rb") as lines:
        return sum(1 for line in lines if acked in line and sound in line and line.endswith(b"\n"))


class TrafficProducer:
    """Sends one scenario's messages, and writes a line of the ledger for each ack.

    `topic_names` maps the scenario's topics to those on the cluster. One of several producers sends only to
    its `partitions`, (topic, partition) with the scenario's names.
    """

    def __init__(
        self,
        scenario: Scenario,
        run_id: str,
        topic_names: Mapping[str, str],
        client_config: Mapping[str, str],
        emit: EventWriter,
        partitions: Collection[tuple[str, int]] | None = None,
    ) -> None:
        self._partitions = partitions
        self._scenario = scenario
        self._messages = [Messages(topic, run_id) for topic in scenario.topics]
        self._topic_names = topic_names
        self._emit = emit
        self.failed = 0
        self._fatal: str | None = None
        # Acks as lines that are not written yet; their common start, and until when it is valid.
        self._lines: list[str] = []
        self._append = self._lines.append
        self._stamp, self._stamp_until = "", 0.0
        self._producer = Producer(
            {
                # No loss and no reordering by the producer, so that the consumer is accountable for both.
                "enable.idempotence": True,
                "acks": "all",
                "queue.buffering.max.messages": 1_000_000,
                **client_config,
                "error_cb": self._on_error,
            }
        )

    def produce_backlog(self) -> None:
        """Send every topic's backlog and wait until it is acked. Raises TrafficError."""
        with self._sending():
            for index, topic in enumerate(self._scenario.topics):
                for first in range(0, topic.backlog, PIECE):
                    sequences = range(first, min(first + PIECE, topic.backlog))
                    self._send(Burst(0.0, index, BACKLOG_BATCH, sequences), now_ms())
        self._emit("backlog_complete", failed=self.failed)

    def produce_live(
        self,
        start_seconds: float,
        stop: threading.Event,
        acked_before: Collection[tuple[str, int]] | None = None,
    ) -> None:
        """Send the live traffic from `start_seconds` (epoch) on, until the plan or `stop` ends it.

        `acked_before` has the (topic, sequence) of a killed predecessor's acked messages. Messages that were
        due before now may be in the log and are not sent again; those not acked are reported as failed.
        """
        resumed_at = now_seconds()
        with self._sending():
            for burst in live_plan(self._scenario, lambda: now_seconds() - start_seconds):
                due = start_seconds + burst.due_seconds
                if acked_before is not None and due < resumed_at:
                    self._report_unsent(burst, round(due * 1000, 3), acked_before)
                    continue
                self._wait(due, stop)
                if stop.is_set():
                    break
                self._send(burst, round(due * 1000, 3))

    def _wait(self, due: float, stop: threading.Event) -> None:
        """Wait until `due` or stop, and write acks meanwhile."""
        while (left := due - now_seconds()) > 0 and not stop.is_set():
            if left > 2 * CLIENT_TICK_SECONDS:
                self._serve(min(left - CLIENT_TICK_SECONDS, SERVE_SECONDS))
            else:
                sleep_until(due)

    def _ours(self, burst: Burst) -> Iterable[int]:
        """The sequences of the burst in this producer's partitions."""
        topic, ours = self._scenario.topics[burst.topic_index], self._partitions
        if ours is None:
            return burst.sequences
        return (
            sequence for sequence in burst.sequences if (topic.name, topic.partition_of(sequence)) in ours
        )

    def _report_unsent(
        self, burst: Burst, intended_ms: float, acked_before: Collection[tuple[str, int]]
    ) -> None:
        name = self._scenario.topics[burst.topic_index].name
        for sequence in self._ours(burst):
            if (name, sequence) not in acked_before:
                self.failed += 1
                message = {"topic": name, "sequence": sequence, "intended_ms": intended_ms}
                error = "its producer was killed before the ack was recorded"
                self._emit("producer_send_error", **message, error=error)

    @contextlib.contextmanager
    def _sending(self) -> Iterator[None]:
        """At the end of the block, wait until all messages are acked; write acks also after an error."""
        # Messages form no reference cycles, and the collector would spend a third of the time on them.
        collecting = gc.isenabled()
        gc.disable()
        try:
            yield
            self._flush()
        finally:
            self._write()
            if collecting:
                gc.enable()

    def _send(self, burst: Burst, intended_ms: float) -> None:
        if self._fatal:
            raise TrafficError(f"the producer gave up: {self._fatal}")
        name = self._scenario.topics[burst.topic_index].name
        messages, on_cluster = self._messages[burst.topic_index], self._topic_names[name]
        times = f'"intended_ms":{intended_ms!r},"sent_ms":{now_ms()!r}'
        sound = f'"topic":{messages.topic},"batch":{burst.batch},{times},{SOUND},"sequence":'
        poisoned = sound.replace(SOUND, POISON)
        produce, report, keys, poison = self._producer.produce, self._report, messages.keys, messages.poison
        header, message_id = MESSAGE_ID_HEADER, messages.id
        # The partition is chosen here, not by a hash, so that the load is even.
        for sequence, partition, value, checksums in messages.spell(
            burst.batch, intended_ms, self._ours(burst)
        ):
            line = poisoned if poison and sequence in poison else sound
            reporter = partial(report, line, sequence, partition, checksums)
            headers: list[tuple[str, str | bytes | None]] = [(header, message_id % sequence)]
            while True:
                try:
                    # By position (callback, its other name, time, headers): names take a tenth longer.
                    produce(on_cluster, value, keys[partition], partition, reporter, None, 0, headers)
                    break
                except BufferError:
                    self._serve(QUEUE_FULL_WAIT_SECONDS)
        self._serve(0)

    def _report(
        self,
        line: str,
        sequence: int,
        partition: int,
        checksums: tuple[int, int],
        error: KafkaError | None,
        message: Message,
    ) -> None:
        """Format the ledger's line for one message; by hand, since `dump` takes ten times as long."""
        if (now := monotonic()) >= self._stamp_until:
            self._stamp, self._stamp_until = f'{{"timestamp":{now_ms()!r},{ACKED}', now + STAMP_SECONDS
        stamp, offset = self._stamp, message.offset()
        # A broker that had the message already, before a leader moved, reports no offset.
        name, answer = "offset", "null" if offset is None else offset
        if error is not None:
            self.failed += 1
            stamp, name, answer = stamp.replace(ACKED, NOT_ACKED), "error", dump(error.str())
        self._append(
            f'{stamp}{line}{sequence},"partition":{partition},"checksum":{checksums[0]},'
            f'"value_crc32":{checksums[1]},"{name}":{answer}}}\n'
        )

    def _serve(self, seconds: float) -> None:
        """Poll the client for at most this many seconds, and write the acks."""
        self._stamp_until = 0.0  # the next acks need a new timestamp
        self._producer.poll(seconds)
        self._write()

    def _write(self) -> None:
        if self._lines:
            lines = "".join(self._lines)
            self._lines.clear()
            self._emit.write(lines)

    def _flush(self) -> None:
        left, give_up_at = len(self._producer), monotonic() + FLUSH_SECONDS
        while waiting := self._producer.flush(SERVE_SECONDS):
            self._stamp_until = 0.0
            self._write()
            if waiting < left:
                left, give_up_at = waiting, monotonic() + FLUSH_SECONDS
            elif monotonic() > give_up_at:
                raise TrafficError(
                    f"{waiting} messages were not acked, and no other, within {FLUSH_SECONDS:g} s"
                    f"{': ' + self._fatal if self._fatal else ''}"
                )

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error.str()
