"""Messages: a body with the specification's fields, the run it belongs to and checksums, and a header."""

import json
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from fairpoll.contract.avro import encode
from fairpoll.contract.events import dump
from fairpoll.scenarios.model import TopicPlan


class Messages:
    """Serializes one topic's messages; the common part of a burst is formatted once."""

    def __init__(self, topic: TopicPlan, run_id: str) -> None:
        self._topic = topic
        # The topic's name as JSON.
        self.topic = dump(topic.name)
        # Keys are JSON, since pipelines that parse keys (Bizon among them) expect it so.
        self.keys = [dump({"partition_key": f"key-{p}"}).encode() for p in range(topic.partitions)]
        self.poison = frozenset(topic.poison)
        self._id = f"{run_id}:{topic.name}:"
        # A %-template of the header's value for a sequence; the same text as the body's id.
        self.id = self._id.replace("%", "%%").encode() + b"%d"
        self._begin = f'{{"id":{_text(self._id)[:-1]}%d","type":{_text(topic.message_type)},"timestamp":"'
        self._data = (
            f'","data":{{"sequence_text":"message %d of {_text(topic.name)[1:]},"value":%d}},"batch_id":'
        )
        self._run = f',"partition_key":"key-%d","run_id":{_text(run_id)},"sequence":%d,"intended_ms":'
        self._in_avro = topic.message_format == "avro"
        self._end = f',"priority":{_text(topic.priority)}' if topic.priority else ""

    def spell(
        self, batch: int, intended_ms: float, sequences: Iterable[int]
    ) -> Iterator[tuple[int, int, bytes, tuple[int, int]]]:
        """Sequence, partition, value and checksums of these messages of one burst.

        The checksums are that of the body (`checksum_of`), which stands in it, and the CRC-32 of the value.
        """
        even, poison, crc = not self._topic.weights, self.poison, zlib.crc32
        partitions, partition_of = self._topic.partitions, self._topic.partition_of
        at = datetime.fromtimestamp(intended_ms / 1000, UTC).isoformat(timespec="milliseconds")
        body = f"{self._begin}{at}{self._data}{batch}{self._run}{intended_ms!r}{self._end}".encode()
        for sequence in sequences:
            partition = sequence % partitions if even else partition_of(sequence)
            if poison and sequence in poison:
                text = f"not JSON: {self._id}{sequence}".encode()
                checksum = crc(text)
                yield sequence, partition, text, (checksum, checksum)
            else:
                text = body % (sequence, sequence, sequence * 37 % 1000, partition, sequence)
                begun = crc(text)
                checksum = crc(b"}", begun)  # of the body without its checksum, see checksum_of
                end = b',"checksum":%d}' % checksum
                if self._in_avro:
                    value = encode(json.loads(text + end))
                    yield sequence, partition, value, (checksum, crc(value))
                else:
                    yield sequence, partition, text + end, (checksum, crc(end, begun))


def build_message(
    topic: TopicPlan, run_id: str, sequence: int, batch: int, intended_ms: float
) -> tuple[bytes, bytes, int, int]:
    """Key, value, checksum and value_crc32 of one message.

    `sequence` counts a topic's messages from 0, backlog included; `batch` is its burst, -1 in the
    backlog.
    """
    messages = Messages(topic, run_id)
    _, partition, value, (checksum, value_crc32) = next(messages.spell(batch, intended_ms, [sequence]))
    return messages.keys[partition], value, checksum, value_crc32


def _text(text: str) -> str:
    """The text as JSON, escaped for use in a %-template."""
    return dump(text).replace("%", "%%")
