"""Reads the files of a recording strictly: each error names the file, line and field.

Anything may stand in them: consumers that are not ours write their own, and files are cut off, mixed
up and edited.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fairpoll.base.errors import HistoryError
from fairpoll.base.text import quoted
from fairpoll.base.typed import is_plain, typed
from fairpoll.contract.events import Event, read_events
from fairpoll.contract.output_fields import Fields
from fairpoll.contract.records import RecordId

Kinds = Mapping[str, Any]

_PARTITION: Kinds = {"topic": str, "partition": int}
_RECORD: Kinds = {**_PARTITION, "offset": int}
# The lists that any event may have, and the fields of their items.
_LISTS: Mapping[str, Kinds] = {"partitions": _PARTITION, "records": _RECORD, "offsets": _RECORD}
_EVENT: Kinds = {"timestamp": float, "name": str}
_MESSAGE: Kinds = {
    **_RECORD,
    # None for a message that the broker had already, from before its leader moved.
    "offset": int | None,
    "sequence": int,
    "intended_ms": float,
    "sent_ms": float,
    "batch": int,
    "checksum": int,
}
# Recordings made by earlier versions do not have it.
_CRC: Kinds = {"value_crc32": int}
_CPU: Kinds = {"cpu_seconds": float}
# The fields that events of these names must have; other events may have any.
_NEEDED: Mapping[str, Kinds] = {
    "producer_send_success": _MESSAGE,
    "producer_send_error": {"topic": str, "sequence": int},
    "partitions_assigned": {"partitions": list},
    "partitions_revoked": {"partitions": list},
    "partitions_paused": {"partitions": list},
    "partitions_resumed": {"partitions": list},
    "buffer_levels": {"partitions": list},
    "records_consumed": {"records": list},
    "record_rejected": {"records": list},
    "throttled": {"seconds": float},
    "offsets_committed": {"success": bool, "offsets": list},
    "committed_offsets": {"consumer": str, "offsets": list, "final": bool},
    "memory": {"consumer": str, "rss_bytes": int},
    "log_start": {"offsets": list},
    "foreign_records": {**_PARTITION, "begin": int, "end": int, "ranges": tuple[tuple[int, ...], ...]},
    "files_grown": {"since": float, "sizes": dict[str, int]},
    "offsets_log": {"consumer": str, "problem": str, "exact": bool, "members": bool},
    "group_members": {"consumer": str, "generation": int, "members": list, "partitions": list},
}
_OUTPUT: Kinds = {**_RECORD, "delivered_ms": float}
NOWHERE = ("", -1, -1)
_BUFFERED: Kinds = {"buffered": int}


def check_ledger(event: Event, run_id: str, partitions: Mapping[str, int]) -> Event:
    """Check one of the producer's events. Raises ValueError, also for another run's message."""
    event = check_event(event)
    if event.get("run_id") not in (None, run_id):
        raise ValueError(f"is of run {quoted(event['run_id'])}, but this is a recording of {run_id}")
    if event["name"] == "producer_send_success":
        topic, partition = event["topic"], event["partition"]
        if not 0 <= partition < partitions.get(topic, 0):
            raise ValueError(f"the scenario has no partition {quoted(f'{topic}/{partition}')}")
    return event


def read_samples(path: Path) -> Iterator[Event]:
    """The samples that the harness took of its consumers. Raises HistoryError."""
    try:
        for number, line in enumerate(read_events(path), 1):
            try:
                yield check_event(line)
            except ValueError as error:
                raise HistoryError(f"{path}: line {number}: {error}") from None
    except OSError as error:
        raise HistoryError(f"{path}: cannot be read: {error.strerror}") from None


def check_output(
    line: Event, fields: Fields, ids: Mapping[str, RecordId], *, observed: bool = False
) -> Event:
    """A line of an output file, converted to the built-in consumers' format. Raises ValueError.

    `fields` is the field mapping. `ids` maps a message's id to its record, for lines that have only the id;
    an unknown id becomes ("", -1, -1). In an `observed` file the time of delivery may be missing: it is NaN.
    """
    try:
        read = fields.read(line)
        untimed = observed and read.get("delivered_ms") is None
        if not untimed and "delivered_ms" not in read:
            raise KeyError(fields.delivered)
    except KeyError as error:
        has = ", ".join(quoted(key) for key in list(line)[:10])
        raise ValueError(
            f"no {quoted(error.args[0])}, it has {has or 'nothing'}; "
            "map the fields with CONSUMER_FIELDS (docs/reference/consumer-contract.md)"
        ) from None
    if fields.id:
        read["topic"], read["partition"], read["offset"] = ids.get(str(read["id"]), NOWHERE)
    _check(read, _RECORD if untimed else _OUTPUT)
    return {**read, "delivered_ms": math.nan} if untimed else read


def check_but_records(event: Event) -> Event:
    """As `check_event`; the records of `records_consumed` may be anything, as they are not evidence here."""
    if event.get("name") == "records_consumed" and not (event.get("partitions") or event.get("offsets")):
        _check(event, _EVENT)
        return {name: value for name, value in event.items() if name not in _LISTS}
    return check_event(event)


def check_event(event: Event) -> Event:
    """The event, if it has the fields that its name requires; else raises ValueError, which names the field.

    A list that is null counts as missing.
    """
    _check(event, _EVENT)
    event = {name: value for name, value in event.items() if value is not None or name not in _LISTS}
    _check(event, _NEEDED.get(event["name"], {}))
    if event["name"] == "producer_send_success" and "value_crc32" in event:
        _check(event, _CRC)
    if event["name"] == "memory" and "cpu_seconds" in event:
        _check(event, _CPU)
    for name, fields in _LISTS.items():
        listed = event.get(name, [])
        for item in listed if isinstance(listed, list) else [None]:
            if not isinstance(item, dict):
                raise ValueError(f"{quoted(name)} is not a list of {', '.join(fields)}")
            _check(item, fields)
            if "buffered" in item:
                _check(item, _BUFFERED)
    return event


def _check(line: Mapping[str, object], kinds: Kinds) -> None:
    for name, kind in kinds.items():
        if name not in line:
            raise ValueError(f"no {quoted(name)}")
        if not isinstance(kind, type) or not is_plain(kind, line[name]):
            typed(kind, line[name], quoted(name))
