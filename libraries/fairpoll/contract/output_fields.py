"""Maps a consumer's output format to topic, partition, offset, delivery time and value."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from fairpoll.base.text import quoted


@dataclass(frozen=True)
class Fields:
    """Paths into one line's JSON object; `a.b` is field b of a, also if a holds JSON as text.

    A record is identified by `topic`, `partition` and `offset`, or, if `id` is given, by the message's id
    alone. `delivered` is in milliseconds since the epoch or an ISO 8601 time (UTC without a zone); it may be
    missing where the harness observed the file. `value` is the message's body, as JSON or as text.
    """

    topic: str = "topic"
    partition: str = "partition"
    offset: str = "offset"
    delivered: str = "delivered_ms"
    value: str = "value"
    id: str = ""

    @classmethod
    def parse(cls, text: str, default: "Fields | None" = None) -> "Fields":
        """From text such as `topic=meta.topic offset=meta.offset`, with defaults. Raises ValueError.

        A default id gives way to `topic`, `partition` or `offset`.
        """
        pairs = [pair.partition("=") for pair in text.split()]
        known = [field.name for field in fields(cls)]
        for name, equals, path in pairs:
            if name not in known or not equals or not path:
                raise ValueError(
                    f"'{name}{equals}{path}' is not one of {', '.join(known)} with =path.to.field"
                )
        given = {name: path for name, _, path in pairs}
        if given.keys() & {"topic", "partition", "offset"}:
            given.setdefault("id", "")
        return replace(default or cls(), **given)

    def read(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """The line in the built-in consumers' format, without the fields that may be missing.

        Raises KeyError with the path of another that is missing, ValueError for a time that is none.
        """
        if self == OUR_FIELDS:
            return (
                {**line, "value": _body(line["value"])} if isinstance(line.get("value"), str) else dict(line)
            )
        names = ("id",) if self.id else ("topic", "partition", "offset")
        record = {name: pick(line, getattr(self, name)) for name in names}
        with contextlib.suppress(KeyError):  # the harness may have observed when the line was written
            record["delivered_ms"] = _milliseconds(pick(line, self.delivered), self.delivered)
        with contextlib.suppress(KeyError):  # without a value, the content cannot be judged
            if (value := pick(line, self.value)) is not None:
                record["value"] = _body(value)
        return record


OUR_FIELDS = Fields()


def pick(line: Any, path: str) -> Any:
    """The value at this path. Raises KeyError with the path."""
    value = line
    for name in path.split("."):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise KeyError(path) from None
        if not isinstance(value, Mapping) or name not in value:
            raise KeyError(path)
        value = value[name]
    return value


def _body(value: Any) -> Any:
    """The body; an object of JSON within a text is parsed."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError, RecursionError):
            parsed = json.loads(value)
            return parsed if isinstance(parsed, dict) else value
    return value


def _milliseconds(moment: object, field: str) -> float:
    if isinstance(moment, int | float):
        return float(moment)
    try:
        parsed = datetime.fromisoformat(str(moment))
    except ValueError:
        raise ValueError(f"the time of delivery, {quoted(field)}, is not a time: {quoted(moment)}") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000
