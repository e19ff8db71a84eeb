"""The files of a recording, read strictly: whatever is wrong is told with file, line and field.

Anything may stand in them: consumers that are not ours write their own, and files are cut off, mixed
up and edited.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairpoll.base.errors import HistoryError
from fairpoll.base.text import quoted
from fairpoll.base.typed import is_plain, typed
from fairpoll.contract.events import Event, read_events
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.evidence import layout
from fairpoll.producer.shards import MOST_SHARDS
from fairpoll.scenarios.model import Scenario
from fairpoll.scenarios.rules import MOST_PARTITIONS

Kinds = Mapping[str, Any]

_SPOT: Kinds = {"topic": str, "partition": int}
_RECORD: Kinds = {**_SPOT, "offset": int}
# The lists that an event of any name may hold, and what each item of them must.
_LISTS: Mapping[str, Kinds] = {"partitions": _SPOT, "records": _RECORD, "offsets": _RECORD}
_EVENT: Kinds = {"timestamp": float, "name": str}
_MESSAGE: Kinds = {
    **_RECORD,
    # A broker that had it already, from before a leader moved, does not say where.
    "offset": int | None,
    "sequence": int,
    "intended_ms": float,
    "sent_ms": float,
    "batch": int,
    "checksum": int,
}
# What events of these names must hold; others may hold what they like.
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
    "offsets_committed": {"success": bool, "offsets": list},
    "committed_offsets": {"consumer": str, "offsets": list, "final": bool},
    "memory": {"consumer": str, "rss_bytes": int},
    "log_start": {"offsets": list},
}
_OUTPUT: Kinds = {**_RECORD, "delivered_ms": float}
NOWHERE = ("", -1, -1)
LONGEST_NAME_BYTES = 200
_BUFFERED: Kinds = {"buffered": int}


@dataclass
class _Cluster:
    description: str


@dataclass
class _Host:
    longest_pause_seconds: float = 0.0


@dataclass
class _Done:
    at_ms: float
    verb: str
    rate: float | None


@dataclass
class _Fault:
    target: str
    what: str
    from_ms: float
    until_ms: float


@dataclass
class _Clock:
    offset_ms: float
    error_ms: float


@dataclass
class _Judged:
    command: str
    shows: tuple[str, ...]


@dataclass
class _Facts:
    """What run.json must hold, and of what kind; without `start_ms` the run was cut off before it.

    `shards`, `clocks` (by the name of a part) and `incomplete` are of runs spread over machines.
    """

    run_id: str
    scenario: Scenario
    speed: float
    cluster: _Cluster
    topics: dict[str, str]
    consumers: tuple[str, ...]
    start_ms: float | None = None
    stopped_ms: float | None = None
    complete: bool = False
    host: _Host = field(default_factory=_Host)
    timeline: tuple[_Done, ...] = ()
    faults: tuple[_Fault, ...] = ()
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    shards: int | None = None
    clocks: dict[str, _Clock] = field(default_factory=dict)
    incomplete: str = ""
    judged: dict[str, _Judged] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def read_facts(folder: Path) -> dict[str, Any]:
    """What run.json says. Raises HistoryError when that is not what a run says of itself."""
    path = folder / layout.RUN
    if folder.exists() and not folder.is_dir():
        raise HistoryError(f"{folder}: is not a folder; a recording is one")
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        _check_facts(typed(_Facts, facts, "the run"))
    except FileNotFoundError:
        raise HistoryError(f"{folder}: no run.json in it; this is not a recording") from None
    except OSError as error:
        raise HistoryError(f"{path}: cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise HistoryError(f"{path}: not JSON: {error}") from None
    except UnicodeDecodeError as error:
        raise HistoryError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise HistoryError(f"{path}: nested too deep") from None
    except ValueError as error:
        raise HistoryError(f"{path}: {error}") from None
    return facts


def _check_facts(facts: _Facts) -> None:
    """Raise ValueError for what has the right kind and still cannot have been run."""
    scenario, topics = facts.scenario, facts.scenario.topics
    if not (facts.speed > 0 and scenario.duration_seconds > 0):
        raise ValueError("the run has a speed or a duration that is not above 0")
    if facts.shards is not None and not 1 <= facts.shards <= MOST_SHARDS:
        raise ValueError(f"the run has {facts.shards} shards, it may have 1 to {MOST_SHARDS:,}")
    if any(one.error_ms < 0 for one in facts.clocks.values()):
        raise ValueError("the run has a clock with an error below 0")
    if sum(topic.partitions for topic in topics) > MOST_PARTITIONS:
        raise ValueError(f"the run has more than {MOST_PARTITIONS:,} partitions")
    for topic in topics:
        if topic.name not in facts.topics:
            raise ValueError(f"the run.topics has no {quoted(topic.name)}")
        if min(topic.partitions, topic.traffic.messages, topic.traffic.interval_seconds) <= 0:
            raise ValueError(f"topic {quoted(topic.name)} has partitions or traffic that are not above 0")
    for name in (*facts.consumers, *(topic.output for topic in topics)):
        # Longer than file systems take (255 bytes): to look for it would be an error of the system.
        too_long = len(name.encode(errors="surrogatepass")) > LONGEST_NAME_BYTES
        if too_long or Path(name).name != name or "\0" in name:
            raise ValueError(f"{quoted(name)} is not the name of a file")


def check_ledger(event: Event, run_id: str, partitions: Mapping[str, int]) -> Event:
    """One of the producer's events. Raises ValueError also for those of another run's messages."""
    check_event(event)
    if event.get("run_id", run_id) != run_id:
        raise ValueError(f"is of run {quoted(event['run_id'])}, but this is a recording of {run_id}")
    if event["name"] == "producer_send_success":
        topic, partition = event["topic"], event["partition"]
        if not 0 <= partition < partitions.get(topic, 0):
            raise ValueError(f"the scenario has no partition {quoted(f'{topic}/{partition}')}")
    return event


def read_consumer_events(path: Path) -> Iterator[Event]:
    """What a consumer said, or what was seen of it from outside. Raises HistoryError."""
    return (event for _, event in _lines(path, check_event))


def read_output(path: Path) -> Iterator[Event]:
    """The lines of a file in our own consumers' spelling. Raises HistoryError."""
    return (line for _, line in _lines(path, lambda line: check_output(line, OUR_FIELDS, {})))


def check_output(line: Event, fields: Fields, places: Mapping[str, tuple[str, int, int]]) -> Event:
    """A line of an output file in our own consumers' spelling. Raises ValueError.

    `fields` says where it has what; `places` gives topic, partition and offset of a message's id, for
    lines that tell no more. Of an id that is not there the place is ("", -1, -1).
    """
    try:
        read = fields.read(line)
    except KeyError as error:
        has = ", ".join(quoted(key) for key in list(line)[:10])
        raise ValueError(
            f"no {quoted(error.args[0])}, it has {has or 'nothing'}; "
            "CONSUMER_FIELDS says where a line has what (docs/reference/consumer-contract.md)"
        ) from None
    if fields.id:
        read["topic"], read["partition"], read["offset"] = places.get(read["id"], NOWHERE)
    _check(read, _OUTPUT)
    return read


def check_event(event: Event) -> Event:
    """The event, if it holds what one of its name must; else raises ValueError, which names the field."""
    _check(event, _EVENT)
    _check(event, _NEEDED.get(event["name"], {}))
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


def _lines(path: Path, check: Callable[[Event], Event]) -> Iterator[tuple[int, Event]]:
    try:
        for number, line in enumerate(read_events(path), 1):
            try:
                read = check(line)
            except ValueError as error:
                raise HistoryError(f"{path}: line {number}: {error}") from None
            yield number, read
    except OSError as error:
        raise HistoryError(f"{path}: cannot be read: {error.strerror}") from None
