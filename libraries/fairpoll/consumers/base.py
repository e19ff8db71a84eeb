"""The base of both consumers: client, delivery, commits, events and a clean stop."""

import gc
import logging
import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, ThrottleEvent, TopicPartition

from fairpoll.base.clock import now_ms
from fairpoll.base.errors import ConsumerError
from fairpoll.consumers.record import Record
from fairpoll.consumers.sink import FileSink, PoisonError, UnwrittenError
from fairpoll.contract.environment import ConsumerEnvironment
from fairpoll.contract.events import EventWriter, dump
from fairpoll.contract.records import Partition

# Transient errors: a topic is being created, a leader moves.
PASSING_ERRORS = (
    KafkaError._PARTITION_EOF,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._MAX_POLL_EXCEEDED,
)
# Shorter than the harness waits for a process to stop, so that the process can report the reason.
STOP_SECONDS = 10.0
# Garbage collection threshold: more objects than full buffers hold, as a rule.
COLLECT_AFTER = 50_000


@dataclass(frozen=True, kw_only=True)
class ConsumerConfig(ConsumerEnvironment):
    """One member of a consumer group: the group's task, the member's folder and its client's properties."""

    output_folder: Path
    client_config: Mapping[str, str]


class Consumer:
    """A consumer under test. Subclasses implement `run`, which moves records from polls to the sink.

    Delivery is at least once: an offset is committed only after the sink holds the record before it.
    """

    # Hook: another kind of sink.
    sink_class = FileSink

    def __init__(self, config: ConsumerConfig, emit: EventWriter) -> None:
        self.config = config
        self.settings = config.settings
        self.emit = emit
        self.stopping = threading.Event()
        self.sink = self.open_sink()
        self.assigned: set[Partition] = set()
        # Next offset to read, for each partition with written records that are not committed yet.
        self.uncommitted: dict[Partition, int] = {}
        # Offset after the last written record, for each assigned partition.
        self.written: dict[Partition, int] = {}
        # Held while a record is written, so that its partition is neither revoked nor committed meanwhile.
        self.delivering = threading.RLock()
        logger = logging.getLogger(f"fairpoll.client.{config.group}")
        properties = {
            "group.id": config.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "session.timeout.ms": self.settings.session_timeout_ms,
            "heartbeat.interval.ms": self.settings.heartbeat_interval_ms,
            "max.poll.interval.ms": self.settings.max_poll_interval_ms,
            **config.client_config,
            **self.client_properties(),
            "on_commit": self._on_commit,
            "throttle_cb": self._on_throttle,
        }
        if properties.get("group.protocol") == "consumer":
            # In this protocol they are the broker's, and the client refuses its own.
            del properties["session.timeout.ms"], properties["heartbeat.interval.ms"]
        self.client = confluent_kafka.Consumer(properties, logger=logger)

    def open_sink(self) -> FileSink:
        """The sink of this consumer."""
        config = self.config
        return self.sink_class(
            config.output_folder, config.outputs, config.sink_rate, config.topic_sink_rates
        )

    def client_properties(self) -> dict[str, str | int]:
        """Client properties of this kind of consumer, on top of the common ones."""
        return {}

    def run(self) -> None:
        """Consume until `stopping` is set. Raises ConsumerError, KafkaException."""
        raise NotImplementedError

    def start(self) -> None:
        """Subscribe, run until stopped, and leave the group cleanly."""
        spare_collector()
        self.emit("startup_complete")
        self.subscribe()
        try:
            self.run()
        finally:
            self.client.close()
            self.sink.close()
            self.emit("shutdown_complete")

    def subscribe(self) -> None:
        """Join the group; `on_assign`, `on_revoke` and `on_lost` are called when its partitions change."""
        self.client.subscribe(
            list(self.config.outputs),
            on_assign=lambda _client, partitions: self.on_assign(partitions),
            on_revoke=lambda _client, partitions: self.on_revoke(partitions),
            on_lost=lambda _client, partitions: self.on_lost(partitions),
        )

    def control(self, line: str) -> None:
        """Carry out a command of the harness: `sink N` (records per second), `drain` (no limit), `stop`."""
        match line.split():
            case ["drain"]:
                self.sink.pace.set_rate(None)
            case ["sink", rate]:
                self.sink.pace.set_rate(float(rate))
            case ["stop"]:
                self.stop()
            case _:
                raise ConsumerError(f"unknown command '{line}'; one of: sink N, drain, stop")

    def stop(self) -> None:
        """Finish the current record, commit and leave the group. Safe to call twice.

        Without a broker the client would wait for a minute. The process then exits after STOP_SECONDS, which
        loses nothing: uncommitted records are read again.
        """
        if not self.stopping.is_set():
            self.stopping.set()
            timer = threading.Timer(STOP_SECONDS, self._end_at_once)
            timer.daemon = True
            timer.start()

    def _end_at_once(self) -> None:
        print(
            f"fairpoll: no broker acknowledged the last commit within {STOP_SECONDS:g} s of the stop",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)

    def poll(self) -> list[Record]:
        """At most `max_poll_records` records, waiting at most `poll_interval_ms` for them."""
        messages = self.client.consume(self.settings.max_poll_records, self.settings.poll_interval_ms / 1000)
        records = [message for message in messages if message.error() is None or self._is_record(message)]
        return cast(list[Record], records)

    def deliver(self, records: Sequence[Record]) -> None:
        """Write records of one partition to the sink, report them, mark them for the next commit."""
        with self.delivering:
            while records:
                try:
                    count = self.sink.write(records)
                except PoisonError as reason:
                    count = 1
                    self.reject(records[0], str(reason))
                    self.count_done(records[:1])
                except UnwrittenError as error:
                    self._count_written(records[: error.written])
                    raise
                else:
                    self._count_written(records[:count])
                records = records[count:]

    def _count_written(self, records: Sequence[Record]) -> None:
        """Report that the sink holds these records of one partition, then mark them for the next commit."""
        if records:
            self.emit.write(consumed_event(records))
            self.count_done(records)

    def count_done(self, records: Sequence[Record]) -> None:
        """Mark these records of one partition: its next commit is the offset after the last of them."""
        last = records[-1]
        partition = (last.topic(), last.partition())
        self.uncommitted[partition] = self.written[partition] = last.offset() + 1

    def reject(self, record: Record, reason: str) -> None:
        """Apply `poison_policy` to a poison record. Raises ConsumerError if the policy is `stop`."""
        policy = self.settings.poison_policy
        if policy == "stop":
            where = f"{record.topic()}/{record.partition()}@{record.offset()}"
            raise ConsumerError(f"stopped at {where}, which is not JSON: {reason} (poison_policy: stop)")
        if policy == "dead-letter":
            self.sink.write_dead_letter(record, reason)
        record_id = {"topic": record.topic(), "partition": record.partition(), "offset": record.offset()}
        self.emit("record_rejected", policy=policy, reason=reason, records=[record_id])

    def on_assign(self, partitions: list[TopicPartition]) -> None:
        """Take partitions over; the client starts each at the group's committed offset."""
        self.assigned |= partition_set(partitions)
        self.emit("partitions_assigned", partitions=_named(partitions))

    def on_revoke(self, partitions: list[TopicPartition]) -> None:
        """Give partitions back: commit their delivered records while they are still assigned."""
        self.let_go(partition_set(partitions))
        self.commit(wait=True, only=partition_set(partitions))
        self.emit("partitions_revoked", partitions=_named(partitions))

    def on_lost(self, partitions: list[TopicPartition]) -> None:
        """Another member may own the partitions already, and will read their uncommitted records again."""
        self.let_go(partition_set(partitions))
        with self.delivering:
            for partition in partition_set(partitions):
                self.uncommitted.pop(partition, None)
        self.emit("partitions_revoked", partitions=_named(partitions), lost=True)

    def let_go(self, gone: set[Partition]) -> None:
        """Stop delivering these partitions."""
        self.assigned -= gone
        self.written = {p: offset for p, offset in self.written.items() if p not in gone}

    def commit(self, *, wait: bool, only: set[Partition] | None = None) -> None:
        """Commit, for each partition (of `only`), the offset after the last record in the sink."""
        with self.delivering:
            chosen = self.uncommitted.keys() if only is None else self.uncommitted.keys() & only
            offsets = [TopicPartition(t, p, self.uncommitted.pop((t, p))) for t, p in sorted(chosen)]
        if not offsets:
            return
        try:
            if wait:
                self._on_commit(None, self.client.commit(offsets=offsets, asynchronous=False))
            else:
                self.client.commit(offsets=offsets)  # on_commit gets the result
        except KafkaException as error:
            self._on_commit(error.args[0], offsets)

    def _on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Report the result of a commit. After a failed one, what is written by now is committed next.

        Not the offset that failed: a later commit may have succeeded, and the group's offset would go back.
        """
        if error is not None:
            with self.delivering:
                for o in offsets:
                    partition = (o.topic, o.partition)
                    if partition in self.assigned:
                        known = (self.uncommitted.get(partition, 0), self.written.get(partition, 0))
                        self.uncommitted[partition] = max(o.offset, *known)
        self.emit(
            "offsets_committed",
            success=error is None,
            offsets=[{"topic": o.topic, "partition": o.partition, "offset": o.offset} for o in offsets],
            **({"error": error.str()} if error else {}),
        )

    def _on_throttle(self, throttle: ThrottleEvent) -> None:
        """Report that a client quota was exceeded; the client gets an event with 0 s when that is over."""
        if throttle.throttle_time > 0:
            self.emit("throttled", seconds=throttle.throttle_time, broker=throttle.broker_id)

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal() or error.code() not in PASSING_ERRORS:
            raise ConsumerError(f"the consumer of group {self.config.group} got: {error.str()}")
        return False


def consumed_event(records: Sequence[Record]) -> str:
    """The event `records_consumed` for records of one partition; no JSON encoder, for speed."""
    first = records[0]
    start = f'{{"topic":{dump(first.topic())},"partition":{first.partition()},"offset":'
    offsets = f"}},{start}".join([str(record.offset()) for record in records])
    return f'{{"timestamp":{now_ms()},"name":"records_consumed","records":[{start}{offsets}}}]}}\n'


def spare_collector() -> None:
    """Collect garbage seldom, and never among the objects that exist now.

    The collector would scan the buffered records again and again, for a tenth of the poller's time.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 100)


def partition_set(partitions: Iterable[TopicPartition]) -> set[Partition]:
    """The partitions as plain (topic, partition) pairs."""
    return {(p.topic, p.partition) for p in partitions}


def _named(partitions: Iterable[TopicPartition]) -> list[dict[str, object]]:
    """Topic and partition of each, for an event."""
    return [{"topic": p.topic, "partition": p.partition} for p in partitions]
