"""Opens the sink that a source of evidence names."""

from collections.abc import Mapping
from typing import Any

from fairpoll.contract.source import Source
from fairpoll.sinks.seen import Seen


def open_sink(
    source: Source,
    seen: Seen,
    config: Mapping[str, str],
    rate: float | None = None,
    topic_rates: Mapping[str, float] | None = None,
) -> Any:
    """The sink, ready to `run`; its module is imported here, as each needs libraries of its own.

    `config` has the properties of a Kafka client, for a topic. `rate` and `topic_rates` (records per second;
    None: no limit) are those of an HTTP sink. Raises ConsumerError if it cannot be opened.
    """
    match source.kind:
        case "topic":
            from fairpoll.sinks.topic import TopicSink  # noqa: PLC0415

            return TopicSink(source.place, config, seen)
        case "sql":
            from fairpoll.sinks.sql import SqlSink  # noqa: PLC0415

            return SqlSink(source.place, source.query, seen)
        case _:
            from fairpoll.sinks.http import HttpSink  # noqa: PLC0415

            return HttpSink(int(source.place or 0), rate, topic_rates or {}, seen)
