"""Produces a scenario's traffic on its schedule, and keeps the ledger of what the brokers acked.

Open loop: every message has an intended send time, fixed before the run, and is sent then whether
or not earlier ones were answered. A slow broker therefore shows as latency and never as fewer
messages (no coordinated omission).
"""

import heapq
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from fairpoll.clock import now_ms, now_seconds, sleep_until
from fairpoll.errors import TrafficError
from fairpoll.events import EventWriter, read_events
from fairpoll.messages import build_message
from fairpoll.scenario import Scenario, TopicPlan

# How long the last messages may take to be acked before they count as failed.
FLUSH_SECONDS = 30.0
# The client's own buffer is full: serve its callbacks this long, then try again.
QUEUE_FULL_WAIT_SECONDS = 0.05
BACKLOG_BATCH = -1


@dataclass(frozen=True, order=True)
class Planned:
    """One message of the plan: `due_seconds` after the start; its topic, burst and sequence."""

    due_seconds: float
    topic_index: int
    sequence: int
    batch: int


def live_plan(scenario: Scenario) -> Iterator[Planned]:
    """Every live message in the order it is due. Bursts begin at 0; the end itself has none."""
    return heapq.merge(*(_bursts(scenario, index) for index in range(len(scenario.topics))))


def _bursts(scenario: Scenario, topic_index: int) -> Iterator[Planned]:
    topic = scenario.topics[topic_index]
    for batch in range(topic.live_bursts(scenario.duration_seconds)):
        due = (
            topic.starts_after_seconds + batch * topic.traffic.interval_seconds
        )  # not added up, so that it cannot drift
        first = topic.backlog + batch * topic.traffic.messages
        for sequence in range(first, first + topic.traffic.messages):
            yield Planned(due, topic_index, sequence, batch)


def acked_in(ledger: Path) -> set[tuple[str, int]]:
    """(topic, sequence) of every message that this ledger tells to be acked. Raises HistoryError."""
    acked = (event for event in read_events(ledger) if event["name"] == "producer_send_success")
    return {(event["topic"], event["sequence"]) for event in acked}


def acked_to_deliver(ledger: Path) -> int:
    """How many messages of this ledger a consumer can deliver: all that are acked but the poison ones."""
    return sum(1 for event in read_events(ledger) if "offset" in event and not event["poison"])


class TrafficProducer:
    """Sends one scenario's messages; each acked one becomes a line of the ledger.

    `topic_names` gives the name on the cluster (with the run id) for each of the scenario's. One of several
    producers sends only to its `partitions`, (topic, partition) with the scenario's names.
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
        self._run_id = run_id
        self._topic_names = topic_names
        self._emit = emit
        self.failed = 0
        self._fatal: str | None = None
        self._producer = Producer(
            {
                # No loss and no reordering on the way in, so that whatever is missing or out of
                # order later is the consumer's doing.
                "enable.idempotence": True,
                "acks": "all",
                "queue.buffering.max.messages": 1_000_000,
                **client_config,
                "error_cb": self._on_error,
            }
        )

    def produce_backlog(self) -> None:
        """Send every topic's backlog and wait until it is acked. Raises TrafficError."""
        for topic in self._scenario.topics:
            for sequence in range(topic.backlog):
                if self._is_ours(topic, sequence):
                    self._send(topic, sequence, BACKLOG_BATCH, now_ms())
        self._flush()
        self._emit("backlog_complete", failed=self.failed)

    def produce_live(
        self,
        start_seconds: float,
        stop: threading.Event,
        acked_before: Collection[tuple[str, int]] | None = None,
    ) -> None:
        """Send the live traffic from `start_seconds` (epoch) on, until the plan or `stop` ends it.

        `acked_before` (topic, sequence) is given by one that goes on for a producer that was killed: what
        is past by now is not sent again, for nobody knows whether it is in the log; what of it was not
        acked is told as failed.
        """
        resumed_at = now_seconds()
        for planned in live_plan(self._scenario):
            topic = self._scenario.topics[planned.topic_index]
            if not self._is_ours(topic, planned.sequence):
                continue
            due = start_seconds + planned.due_seconds
            if acked_before is not None and due < resumed_at:
                self._give_up(planned, round(due * 1000, 3), acked_before)
                continue
            while due > now_seconds() and not stop.is_set():
                self._producer.poll(0)
                # Short sleeps, so that delivery reports are served and stop is seen in time.
                sleep_until(min(due, now_seconds() + 0.1))
            if stop.is_set():
                break
            self._send(topic, planned.sequence, planned.batch, round(due * 1000, 3))
            self._producer.poll(0)
        self._flush()

    def _is_ours(self, topic: TopicPlan, sequence: int) -> bool:
        return self._partitions is None or (topic.name, topic.partition_of(sequence)) in self._partitions

    def _give_up(
        self, planned: Planned, intended_ms: float, acked_before: Collection[tuple[str, int]]
    ) -> None:
        name = self._scenario.topics[planned.topic_index].name
        if (name, planned.sequence) in acked_before:
            return
        self.failed += 1
        told = {"topic": name, "sequence": planned.sequence, "intended_ms": intended_ms}
        self._emit("producer_send_error", **told, error="its producer was killed before it was seen acked")

    def _send(self, topic: TopicPlan, sequence: int, batch: int, intended_ms: float) -> None:
        if self._fatal:
            raise TrafficError(f"the producer gave up: {self._fatal}")
        key, value, checksum = build_message(topic, self._run_id, sequence, batch, intended_ms)
        sent = {
            "topic": topic.name,
            "sequence": sequence,
            "batch": batch,
            "intended_ms": intended_ms,
            "sent_ms": now_ms(),
            "checksum": checksum,
            "poison": sequence in topic.poison,
        }
        while True:
            try:
                self._producer.produce(
                    self._topic_names[topic.name],
                    value=value,
                    key=key,
                    # Chosen here, not by a hash: each partition gets its even share of the load.
                    partition=topic.partition_of(sequence),
                    on_delivery=self._reporter(sent),
                )
                return
            except BufferError:
                self._producer.poll(QUEUE_FULL_WAIT_SECONDS)

    def _reporter(self, sent: Mapping[str, object]) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self.failed += 1
                self._emit("producer_send_error", **sent, partition=message.partition(), error=error.str())
            else:
                where = {"partition": message.partition(), "offset": message.offset()}
                self._emit("producer_send_success", **sent, **where)

        return report

    def _flush(self) -> None:
        waiting = self._producer.flush(FLUSH_SECONDS)
        if waiting:
            raise TrafficError(
                f"{waiting} messages were not acked within {FLUSH_SECONDS:g} s"
                f"{': ' + self._fatal if self._fatal else ''}"
            )

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error.str()
