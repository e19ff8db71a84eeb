"""Reads what a consumer under test writes to a topic, committed transactions only."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaException, Message, TopicPartition

from fairpoll.base.clock import now_ms
from fairpoll.base.errors import ConsumerError
from fairpoll.contract.records import MESSAGE_ID_HEADER
from fairpoll.sinks.seen import Seen

POLL_SECONDS = 0.1
MOST_RECORDS = 1000
# A partition without a new record for this long is read to its end.
QUIET_SECONDS = 1.0
REQUEST_SECONDS = 20.0


class TopicSink:
    """Reads from the end of the topic on, with `isolation.level=read_committed`; joins no group.

    A record has the time at which the broker appended it if the topic has LogAppendTime, else that at which
    it was read: CreateTime is the producer's own word. Raises ConsumerError if the topic is missing.
    """

    def __init__(self, topic: str, config: Mapping[str, str], seen: Seen) -> None:
        self._seen = seen
        self._consumer = Consumer(
            {
                **config,
                "group.id": "fairpoll-reads-a-topic-and-joins-no-group",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
        try:
            listed = self._consumer.list_topics(topic, REQUEST_SECONDS).topics[topic]
            if listed.error:
                raise ConsumerError(f"EVIDENCE: topic {topic} cannot be read: {listed.error.str()}")
            ends = [
                TopicPartition(topic, p, self._consumer.get_watermark_offsets(TopicPartition(topic, p))[1])
                for p in listed.partitions
            ]
        except KafkaException as error:
            raise ConsumerError(f"EVIDENCE: topic {topic} cannot be read: {error.args[0].str()}") from None
        self._consumer.assign(ends)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Read until `stopped`, and then to the end."""
        quiet_since = time.monotonic()
        while not stopped() or time.monotonic() < quiet_since + QUIET_SECONDS:
            messages = self._consumer.consume(MOST_RECORDS, POLL_SECONDS)
            read_ms = now_ms()
            for message in messages:
                if error := message.error():
                    raise ConsumerError(f"EVIDENCE: topic {message.topic()} cannot be read: {error.str()}")
                self._add(message, read_ms)
            if messages or not stopped():
                quiet_since = time.monotonic()
        self._consumer.close()

    def _add(self, message: Message, read_ms: float) -> None:
        kind, stamp = message.timestamp()
        headers: dict[str, Any] = {
            name: _text(value) for name, value in dict(message.headers() or []).items()
        }
        value = _text(message.value())
        record = {
            "id": headers.get(MESSAGE_ID_HEADER) or _id_in(value),
            "key": _text(message.key()),
            "headers": headers,
            "value": value,
        }
        self._seen.add(record, stamp if kind == TIMESTAMP_LOG_APPEND_TIME else read_ms)


def _text(value: bytes | str | None) -> str | None:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _id_in(value: str | None) -> Any:
    """The field `id` of a JSON object; None if there is none."""
    with suppress(orjson.JSONDecodeError):
        body = orjson.loads(value or "null")
        return body.get("id") if isinstance(body, dict) else None
    return None
