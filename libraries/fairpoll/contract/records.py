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


def partitions_of(event: Mapping[str, Any]) -> list[Partition]:
    """The partitions that an event names; none for an event without `partitions`."""
    return [(p["topic"], p["partition"]) for p in event.get("partitions", ())]


def checksum_of(body: Mapping[str, Any]) -> int:
    """CRC-32 of a message body as `dump` writes it, without its field `checksum`.

    Taken over the parsed body, not its bytes, so that a sink may write the same JSON differently.
    """
    text = dump({key: value for key, value in body.items() if key != "checksum"})
    return zlib.crc32(text.encode(errors="surrogatepass"))  # JSON can contain a lone surrogate
