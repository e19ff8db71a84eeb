"""Finds foreign messages: those that others wrote to the topics of a run during it."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition

from fairpoll.base.background import abandon_after
from fairpoll.cluster.admin import CLOSE_SECONDS
from fairpoll.contract.events import EventWriter
from fairpoll.contract.records import MESSAGE_ID_HEADER, Partition

# A topic that others fill faster than it can be read is given up after this time.
READ_SECONDS = 120.0
POLL_SECONDS = 0.5
REQUEST_SECONDS = 10.0
MOST_RECORDS = 10_000


def write_foreign(
    path: Path, client_config: Mapping[str, str], group: str, run_id: str, begin: Mapping[Partition, int]
) -> str:
    """Write an event `foreign_records` for each partition of `begin`, by the cluster's names.

    It has the `begin`, the `end` at the time of the call, and `ranges` of the offsets between them whose
    messages are not of this run: pairs of the first and the one after the last. Returns the reason if not all
    could be read, "" otherwise; the file is written only if all could be read.
    """
    logger = logging.Logger("fairpoll.run.foreign")
    logger.addHandler(logging.FileHandler(path.with_suffix(".log"), delay=True))
    client = Consumer(
        {
            **client_config,
            # The client demands a group that this user may describe; it is neither joined nor committed to.
            "group.id": group,
            "enable.auto.commit": False,
            # Messages before the first one that the broker still holds were dropped by it.
            "auto.offset.reset": "earliest",
            "isolation.level": "read_uncommitted",
            "enable.partition.eof": False,
        },
        logger=logger,
    )
    try:
        ends = _ends(client, begin)
        ranges: dict[Partition, list[list[int]]] = {partition: [] for partition in begin}
        for partition, offset in _foreign(client, run_id, begin, ends):
            if ranges[partition] and ranges[partition][-1][1] == offset:
                ranges[partition][-1][1] += 1
            else:
                ranges[partition].append([offset, offset + 1])
    except (KafkaException, TimeoutError) as error:
        return str(error)
    finally:
        abandon_after(CLOSE_SECONDS, client.close)
    with path.open("w", encoding="utf-8") as stream:
        emit = EventWriter(stream)
        for (topic, number), found in ranges.items():
            first, end = begin[topic, number], ends[topic, number]
            emit("foreign_records", topic=topic, partition=number, begin=first, end=end, ranges=found)
    return ""


def _ends(client: Consumer, partitions: Mapping[Partition, int]) -> dict[Partition, int]:
    """The offset after the last message of each partition. Raises KafkaException, TimeoutError."""
    asked = [TopicPartition(*partition, OFFSET_END) for partition in partitions]
    answered = client.offsets_for_times(asked, timeout=REQUEST_SECONDS)
    for one in answered:
        if one.error is not None or one.offset < 0:
            raise TimeoutError(f"the end of {one.topic}/{one.partition} is not known: {one.error}")
    return {(one.topic, one.partition): one.offset for one in answered}


def _foreign(
    client: Consumer, run_id: str, begin: Mapping[Partition, int], ends: Mapping[Partition, int]
) -> Iterator[tuple[Partition, int]]:
    """Partition and offset of each message between begin and end that does not have this run's id."""
    ours = f"{run_id}:".encode()
    left = {partition for partition, end in ends.items() if end > begin[partition]}
    client.assign([TopicPartition(*partition, begin[partition]) for partition in sorted(left)])
    deadline = time.monotonic() + READ_SECONDS
    while left:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} partitions were not read within {READ_SECONDS:g} s")
        for message in client.consume(MOST_RECORDS, POLL_SECONDS):
            if message.error():
                raise KafkaException(message.error())
            topic, number, offset = message.topic(), message.partition(), message.offset()
            assert topic is not None and number is not None and offset is not None
            if offset < ends[topic, number] and not _is_of(message, ours):
                yield (topic, number), offset
        # Transactions leave offsets without a message, so that the position counts and not the last message.
        for position in client.position([TopicPartition(*partition) for partition in left]):
            if position.offset >= ends[position.topic, position.partition]:
                left.discard((position.topic, position.partition))


def _is_of(message: Message, run: bytes) -> bool:
    """Whether the message's id begins with this run's."""
    return any(
        header[0] == MESSAGE_ID_HEADER and isinstance(header[1], bytes) and header[1].startswith(run)
        for header in message.headers() or ()
    )
