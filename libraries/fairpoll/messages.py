"""Message bodies: the specification's fields, the run they belong to, and a checksum of the whole."""

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fairpoll.events import dump
from fairpoll.scenario import TopicPlan


def build_message(
    topic: TopicPlan, run_id: str, sequence: int, batch: int, intended_ms: float
) -> tuple[bytes, bytes, int]:
    """Key, value and checksum of one message.

    `sequence` counts a topic's messages from 0, backlog included; `batch` is its burst, -1 in the
    backlog. The key is JSON, since pipelines that parse keys (Bizon among them) expect it so.
    """
    body: dict[str, Any] = {
        "id": f"{run_id}:{topic.name}:{sequence}",
        "type": topic.message_type,
        "timestamp": datetime.fromtimestamp(intended_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "data": {"sequence_text": f"message {sequence} of {topic.name}", "value": sequence * 37 % 1000},
        "batch_id": batch,
        "partition_key": f"key-{topic.partition_of(sequence)}",
        "run_id": run_id,
        "sequence": sequence,
        "intended_ms": intended_ms,
    }
    if topic.priority:
        body["priority"] = topic.priority
    key = dump({"partition_key": body["partition_key"]}).encode()
    if sequence in topic.poison:
        text = f"not JSON: {body['id']}"
        return key, text.encode(), zlib.crc32(text.encode())
    checksum = checksum_of(body)
    return key, dump({**body, "checksum": checksum}).encode(), checksum


def checksum_of(body: Mapping[str, Any]) -> int:
    """CRC-32 over the body in our JSON spelling, without its `checksum` field.

    Taken over the meaning, not the bytes, so that a sink may spell its JSON otherwise.
    """
    text = dump({key: value for key, value in body.items() if key != "checksum"})
    return zlib.crc32(text.encode(errors="surrogatepass"))  # JSON may hold half a character
