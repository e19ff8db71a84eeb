"""Messages in Avro, in the wire format of schema registries: a zero byte, the schema's id, the record."""

import json
import struct
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import Any

from fairpoll.base.errors import FairpollError

# Where a consumer under test finds the schemas.
REGISTRY_URL = "FAIRPOLL_SCHEMA_REGISTRY_URL"
MAGIC = b"\0"
_HEADER = struct.Struct(">bI")
# The ids of the two schemas: messages have a field `priority` or not.
PLAIN, WITH_PRIORITY = 1, 2


def schema(schema_id: int) -> dict[str, Any]:
    """The schema with this id. Raises KeyError."""
    priority = {PLAIN: [], WITH_PRIORITY: [{"name": "priority", "type": "string"}]}[schema_id]
    data = {
        "type": "record",
        "name": "Data",
        "fields": [{"name": "sequence_text", "type": "string"}, {"name": "value", "type": "long"}],
    }
    texts = [{"name": name, "type": "string"} for name in ("id", "type", "timestamp")]
    return {
        "type": "record",
        "name": "Message" if schema_id == PLAIN else "PriorityMessage",
        "namespace": "io.fairpoll",
        "fields": [
            *texts,
            {"name": "data", "type": data},
            {"name": "batch_id", "type": "long"},
            {"name": "partition_key", "type": "string"},
            {"name": "run_id", "type": "string"},
            {"name": "sequence", "type": "long"},
            {"name": "intended_ms", "type": "double"},
            *priority,
            {"name": "checksum", "type": "long"},
        ],
    }


def schema_text(schema_id: int) -> str:
    """The schema as registries give it. Raises KeyError."""
    return json.dumps(schema(schema_id), separators=(",", ":"))


def id_of(*, priority: bool) -> int:
    """The id of the schema for messages with or without the field `priority`."""
    return WITH_PRIORITY if priority else PLAIN


def encode(body: Mapping[str, Any]) -> bytes:
    """A message's body as the value of its record. Raises FairpollError without fastavro."""
    schema_id = id_of(priority="priority" in body)
    stream = BytesIO()
    stream.write(_HEADER.pack(0, schema_id))
    _fastavro().schemaless_writer(stream, _parsed(schema_id), body)
    return stream.getvalue()


def decode(value: bytes) -> dict[str, Any]:
    """The reverse of `encode`. Raises ValueError, and FairpollError without fastavro."""
    try:
        _, schema_id = _HEADER.unpack_from(value)
        body: dict[str, Any] = _fastavro().schemaless_reader(
            BytesIO(value[_HEADER.size :]), _parsed(schema_id), None
        )
    except (KeyError, EOFError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"not a message in Avro: {error!r}") from None
    return body


@cache
def _parsed(schema_id: int) -> Any:
    return _fastavro().parse_schema(schema(schema_id))


def _fastavro() -> Any:
    try:
        import fastavro  # noqa: PLC0415 - an extra
    except ImportError:
        raise FairpollError("messages in Avro need fastavro: pip install 'fairpoll[avro]'") from None
    return fastavro
