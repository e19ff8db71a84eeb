"""Reads from a cluster without a group: the ends of partitions, and the first record from a position on."""

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from fairpoll.base.background import abandon_after
from fairpoll.contract.records import Partition

Isolation = Literal["read_committed", "read_uncommitted"]
# Bytes a partition: of most records a hundred; then of any. A fetch below the size of a batch gets all of the
# batch only for the first partition of the answer, and leaves out those after it.
FETCH_BYTES = (16_384, 1_048_576)
# A broker answers within milliseconds; those that have not answered by then are asked again with more bytes.
ANSWER_SECONDS = (1.0, 5.0)
POLL_SECONDS = 0.1
MOST_MESSAGES = 500
CLOSE_SECONDS = 1.0
REQUEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """A record: its offset and timestamp (milliseconds since the epoch).

    `appended`: the timestamp is the broker's, when it appended the record; otherwise the producer's.
    """

    offset: int
    timestamp_ms: float
    appended: bool


@dataclass(frozen=True, slots=True)
class Nothing:
    """No record from the position on before this offset: what is there was aborted, compacted or a marker."""

    before: int


class Reader:
    """Sees a cluster as a consumer of this isolation level does. Use as a context.

    It assigns itself the partitions, so that it joins no group, and commits nothing. What a position has
    answered is known until the position moves; that there was nothing is known up to the end seen then.
    """

    def __init__(self, client_config: Mapping[str, str], isolation: Isolation = "read_committed") -> None:
        self._logger = logging.Logger("fairpoll.watch.reader")
        self._logger.addHandler(logging.NullHandler())
        self._clients = [
            Consumer(
                {
                    **client_config,
                    # The client demands an id; nothing is joined or committed with it.
                    "group.id": "fairpoll-watch",
                    "client.id": "fairpoll-watch",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "error",
                    "enable.partition.eof": True,
                    "isolation.level": isolation,
                    "fetch.message.max.bytes": size,
                    "fetch.wait.max.ms": 50,
                    "queued.max.messages.kbytes": 1024,
                },
                logger=self._logger,
            )
            for size in FETCH_BYTES
        ]
        self._known: dict[tuple[Partition, str, int], Found] = {}

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            abandon_after(CLOSE_SECONDS, client.close)

    def starts(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The first offset that the brokers hold; partitions without an answer are left out."""
        return self._listed(partitions, OFFSET_BEGINNING)

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The offset of the next record, with read_committed that before the first open transaction."""
        return self._listed(partitions, OFFSET_END)

    def _listed(self, partitions: Collection[Partition], which: int) -> dict[Partition, int]:
        # One request for each broker, without a Python object for each answer, as the admin client has.
        asked = [TopicPartition(*partition, which) for partition in partitions]
        try:
            answered = self._clients[0].offsets_for_times(asked, timeout=REQUEST_SECONDS) if asked else []
        except KafkaException:
            return {}
        return {(p.topic, p.partition): p.offset for p in answered if p.error is None and p.offset >= 0}

    def read(
        self, positions: Mapping[Partition, int], topic_ids: Mapping[Partition, str]
    ) -> dict[Partition, Found | Nothing]:
        """The first record at or after each position; a partition that has not answered is left out."""
        keys = {p: (p, topic_ids[p], offset) for p, offset in positions.items()}
        answers: dict[Partition, Found | Nothing] = {
            p: self._known[key] for p, key in keys.items() if key in self._known
        }
        for client, seconds in zip(self._clients, ANSWER_SECONDS, strict=True):
            asked = {p: offset for p, offset in positions.items() if p not in answers}
            if asked:
                answers |= _first_of_each(client, asked, seconds)
        self._known = {keys[p]: answer for p, answer in answers.items() if isinstance(answer, Found)}
        return answers


def _first_of_each(
    client: Consumer, positions: Mapping[Partition, int], seconds: float
) -> dict[Partition, Found | Nothing]:
    answers: dict[Partition, Found | Nothing] = {}
    client.incremental_assign([TopicPartition(*p, offset) for p, offset in positions.items()])
    deadline = time.monotonic() + seconds
    while len(answers) < len(positions) and time.monotonic() < deadline:
        answered: list[TopicPartition] = []
        for message in client.consume(MOST_MESSAGES, POLL_SECONDS):
            partition = (str(message.topic()), int(message.partition() or 0))
            if partition in positions and partition not in answers and (answer := _answer(message)):
                answers[partition] = answer
                answered.append(TopicPartition(*partition))
        if answered:
            client.incremental_unassign(answered)  # others need the fetches
    if silent := positions.keys() - answers.keys():
        client.incremental_unassign([TopicPartition(*partition) for partition in silent])
    return answers


def _answer(message: Message) -> Found | Nothing | None:
    error, offset = message.error(), message.offset()
    if error is not None:
        at_end = error.code() == KafkaError._PARTITION_EOF and offset is not None
        return Nothing(int(offset or 0)) if at_end else None
    kind, timestamp = message.timestamp()
    return Found(int(offset or 0), float(timestamp), kind == TIMESTAMP_LOG_APPEND_TIME)
