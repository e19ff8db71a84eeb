"""Records as consumers and the judge identify and check them."""

import zlib
from collections.abc import Mapping
from typing import Any

from fairpoll.contract.events import dump

# Topic and partition number.
Partition = tuple[str, int]
# Topic, partition number and offset.
RecordId = tuple[str, int, int]

# In a consumer's output folder: the records that are not JSON, under the policy `dead-letter`.
DEAD_LETTERS = "dead_letters.json"
# The header with a message's id, `<run id>:<scenario topic>:<sequence>`. It marks the messages of a run on a
# topic that others write to as well, also messages whose body is not JSON.
MESSAGE_ID_HEADER = "fairpoll-id"


def partitions_of(event: Mapping[str, Any]) -> list[Partition]:
    """The partitions that an event names; none for an event without `partitions`."""
    return [(p["topic"], p["partition"]) for p in event.get("partitions", ())]


# A body's fields as the producer writes them: their order, and what each number is.
_WHOLE, _FRACTION, _ANY = "whole", "fraction", "any"
_BODY: Mapping[str, str | Mapping[str, str]] = {
    **dict.fromkeys(("id", "type", "timestamp"), _ANY),
    "data": {"sequence_text": _ANY, "value": _WHOLE},
    "batch_id": _WHOLE,
    "partition_key": _ANY,
    "run_id": _ANY,
    "sequence": _WHOLE,
    "intended_ms": _FRACTION,
    "priority": _ANY,
}
# Up to here each whole number is a float of its own.
_LARGEST_EXACT = 2**53


def checksum_of(body: Mapping[str, Any]) -> int:
    """CRC-32 of a message body as the producer writes it, without its field `checksum`.

    Taken over the body's meaning, not its bytes: the order of keys, white space, escapes and the notation of
    numbers make no difference. A missing or another field does, and so does a `checksum` that is not this
    one; a body without it has the same as one with it.
    """
    sent = _as_sent({key: value for key, value in body.items() if key != "checksum"}, _BODY)
    checksum = _crc32(dump(sent))
    return checksum if body.get("checksum", checksum) == checksum else _crc32(dump(body))


def _crc32(text: str) -> int:
    return zlib.crc32(text.encode(errors="surrogatepass"))  # JSON can contain a lone surrogate


def _as_sent(body: Mapping[str, Any], fields: Mapping[str, str | Mapping[str, str]]) -> dict[str, Any]:
    """The body in the producer's order and notation; fields that it does not write come last."""
    sent = {}
    for name in (*(name for name in fields if name in body), *(name for name in body if name not in fields)):
        value, kind = body[name], fields.get(name, _ANY)
        if isinstance(value, dict) and isinstance(kind, Mapping):
            value = _as_sent(value, kind)
        elif type(value) in (int, float) and abs(value) <= _LARGEST_EXACT:
            if kind == _WHOLE and value == int(value):
                value = int(value)
            elif kind == _FRACTION:
                value = float(value)
        sent[name] = value
    return sent
