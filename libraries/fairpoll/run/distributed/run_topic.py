"""The topic through which the parts of a run agree and hand in their evidence, wherever they run.

They share nothing else. Partition 0 has the notes, in the same order for all parts, and partition 1 the
chunks of files. The broker's timestamps (LogAppendTime) are the clock of the run.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as Place

from fairpoll.base.clock import now_ms
from fairpoll.base.errors import ClusterError, HistoryError
from fairpoll.base.text import quoted
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.admin import RECONNECT
from fairpoll.cluster.connection import create_missing_topics
from fairpoll.contract.events import dump

NOTES, FILES = 0, 1
PARTITIONS = 2
# A broker that is being replaced may take this long.
ANSWER_SECONDS = 30.0
LEADERLESS = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
# Longest wait for a batch of records to fill.
BATCH = 500
TAKE_SECONDS = 0.1


@dataclass(frozen=True)
class Note:
    """A message of one part to all others: its kind `what`, the broker's timestamp (ms), other fields."""

    what: str
    at_ms: float
    fields: Mapping[str, Any]


class RunTopic:
    """A client of the topic, for one part of a run. As a context it creates the topic, and is closed."""

    def __init__(self, client_config: Mapping[str, str], name: str) -> None:
        self.name = name
        self._config = {**RECONNECT, **client_config}
        self._logger = logging.Logger("fairpoll.run-topic")
        self._logger.addHandler(logging.NullHandler())
        self._producer = Producer(
            {**self._config, "enable.idempotence": True, "linger.ms": 0, "compression.type": "lz4"},
            logger=self._logger,
        )
        self._notes: Consumer | None = None

    def create(self) -> None:
        """Create the topic unless it exists. Raises ClusterError."""
        stamped = {"message.timestamp.type": "LogAppendTime"}
        create_missing_topics({self.name: PARTITIONS}, self._config, stamped)

    def __enter__(self) -> "RunTopic":
        self.create()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._notes:
            self._notes.close()

    def publish(self, what: str, **fields: object) -> tuple[float, float, float]:
        """Append a note and wait until it is acked: (sent ms, the broker's stamp ms, acked ms).

        Raises ClusterError.
        """
        return self._append(NOTES, "note", dump({"what": what, **fields}).encode(), {})

    def publish_chunk(self, key: str, chunk: bytes, headers: Mapping[str, str]) -> None:
        """Append a chunk of a file. Raises ClusterError."""
        self._append(FILES, key, chunk, headers)

    def notes(self, wait_seconds: float = TAKE_SECONDS) -> list[Note]:
        """The notes added since the last call; waits `wait_seconds` for the first. Raises ClusterError."""
        if self._notes is None:
            self._notes = self._reader(NOTES)
        found: list[Note] = []
        for message in self._notes.consume(BATCH, wait_seconds):
            if error := message.error():
                self._raise_unless_passing(error)
            elif note := self._note(message):
                found.append(note)
        return found

    def all_notes(self) -> list[Note]:
        """Every note in the topic now. Raises ClusterError."""
        return [note for message in self._all(NOTES) if (note := self._note(message))]

    def chunks(self) -> Iterator[tuple[str, bytes, dict[str, str]]]:
        """Every chunk of a file in the topic now: key, bytes, headers. Raises ClusterError."""
        for message in self._all(FILES):
            headers = {_text(key): _text(value) for key, value in list(message.headers() or [])}
            yield _text(message.key()), message.value() or b"", headers

    def _all(self, partition: int) -> Iterator[Message]:
        reader = self._reader(partition)
        try:
            low, end = self._bounds(reader, partition)
            at, heard_at = low, time.monotonic()
            while at < end:
                messages = reader.consume(BATCH, TAKE_SECONDS)
                if messages:
                    heard_at = time.monotonic()
                elif time.monotonic() > heard_at + ANSWER_SECONDS:
                    raise ClusterError(f"topic {self.name}: no record was read for {ANSWER_SECONDS:g} s")
                for message in messages:
                    if error := message.error():
                        self._raise_unless_passing(error)
                        continue
                    at = (message.offset() or 0) + 1
                    if at <= end:
                        yield message
        except KafkaException as error:
            raise ClusterError(f"topic {self.name} cannot be read: {error.args[0].str()}") from None
        finally:
            reader.close()

    def _reader(self, partition: int) -> Consumer:
        reader = Consumer(
            # A client must name a group; this one is never joined and commits nothing.
            {
                **self._config,
                "group.id": "fairpoll-run-topic",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            },
            logger=self._logger,
        )
        reader.assign([Place(self.name, partition, 0)])
        return reader

    def _note(self, message: Message) -> Note | None:
        """The record as a note; None for a record that is not one."""
        try:
            fields = json.loads(message.value() or b"")
            return Note(str(fields.pop("what")), float(message.timestamp()[1]), fields)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _append(
        self, partition: int, key: str, value: bytes, headers: Mapping[str, str]
    ) -> tuple[float, float, float]:
        answers: list[tuple[KafkaError | None, float, tuple[int, int]]] = []

        def answered(error: KafkaError | None, message: Message) -> None:
            answers.append((error, now_ms(), message.timestamp()))

        sent = now_ms()
        self._producer.produce(
            self.name,
            value=value,
            key=key.encode(),
            partition=partition,
            headers=[(name, text.encode()) for name, text in headers.items()],
            on_delivery=answered,
        )
        self._producer.flush(ANSWER_SECONDS)
        if not answers:
            raise ClusterError(f"topic {self.name}: no answer to a record within {ANSWER_SECONDS:g} s")
        error, at, (kind, stamp) = answers[0]
        if error is not None:
            raise ClusterError(f"topic {self.name} cannot be written: {error.str()}")
        if kind != TIMESTAMP_LOG_APPEND_TIME:
            raise ClusterError(
                f"topic {self.name} has message.timestamp.type CreateTime, not LogAppendTime; "
                "change that, or name a topic that does not exist yet"
            )
        return sent, float(stamp), at

    def _bounds(self, reader: Consumer, partition: int) -> tuple[int, int]:
        """The first offset and the end; a topic that was just created may have no leader yet."""

        def bounds() -> tuple[int, int] | None:
            try:
                return reader.get_watermark_offsets(Place(self.name, partition), timeout=ANSWER_SECONDS)
            except KafkaException as error:
                if error.args[0].code() not in LEADERLESS:
                    raise
                return None

        return wait_until(bounds, ANSWER_SECONDS, f"the leader of {self.name}/{partition}")

    def _raise_unless_passing(self, error: KafkaError) -> None:
        if not error.retriable() and error.code() not in (
            KafkaError._TRANSPORT,
            KafkaError._ALL_BROKERS_DOWN,
            KafkaError._PARTITION_EOF,
        ):
            raise ClusterError(f"topic {self.name} cannot be read: {error.str()}")


def _text(value: bytes | str | None) -> str:
    try:
        return value.decode() if isinstance(value, bytes) else value or ""
    except UnicodeDecodeError as error:
        raise HistoryError(f"a record's name is not UTF-8 text: {quoted(error.object)}") from None
