"""Newline-delimited JSON events, which the processes of a run print: writing and reading them.

Each line is one object with `timestamp` (ms since the epoch) and `name`. The names are those of
Kafka's own verifiable clients, with the topic in every record:

producer: startup_complete, producer_send_success, producer_send_error, backlog_complete,
          shutdown_complete
consumer: startup_complete, partitions_assigned, partitions_revoked, partitions_paused,
          partitions_resumed, buffer_levels, records_consumed, record_rejected, offsets_committed,
          throttled, shutdown_complete

`records_consumed` reports records that the sink holds, not those that a poll returned.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from fairpoll.base.clock import now_ms
from fairpoll.base.disk import unwritable
from fairpoll.base.errors import FairpollError, HistoryError
from fairpoll.base.text import quoted

Event = dict[str, Any]
# The names of the events that a consumer may print.
CONSUMER_EVENTS = frozenset(
    {
        "startup_complete",
        "partitions_assigned",
        "partitions_revoked",
        "partitions_paused",
        "partitions_resumed",
        "buffer_levels",
        "records_consumed",
        "record_rejected",
        "offsets_committed",
        "throttled",
        "shutdown_complete",
    }
)
# What to do about a line of standard output that is not JSON.
LOG_HINT = "a consumer's log belongs on standard error, or needs --log-on-stdout yes"
# Bytes that are read at a time, backwards from a file's end, to find its last whole line.
TAIL_BYTES = 65_536
# Some ten thousand events, which take a tenth of a second to parse.
READ_BYTES = 1024 * 1024


def dump(data: object) -> str:
    """Compact JSON without escapes. All JSON is written like this, so that it can be checksummed."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


class EventWriter:
    """Writes events to a stream, one line each, from any thread, and flushes each of them.

    Raises FairpollError if an event cannot be written: a run without its evidence proves nothing.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()

    def __call__(self, event: str, /, **fields: object) -> None:
        self.write(dump({"timestamp": now_ms(), "name": event, **fields}) + "\n")

    def write(self, lines: str) -> None:
        """Write whole lines, each an event with `timestamp` and `name`: faster than one call each."""
        with self._lock:
            try:
                self._stream.write(lines)
                self._stream.flush()
            except OSError as error:
                raise FairpollError(unwritable("events", error)) from None


def read_events(path: Path) -> Iterator[Event]:
    """The events of a finished file, without a partial last line, which a killed process leaves.

    Raises HistoryError with the number of any other line that is not an event.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield parse_event(line)
            except ValueError as error:
                raise HistoryError(f"{path}: line {number}: {error}") from None


def parse_event(line: bytes) -> Event:
    """Parse one line. Raises ValueError if it is not a JSON object."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(event, dict):
        raise ValueError(f"not an event but {type(event).__name__}")
    return event


def is_log_line(line: bytes) -> bool:
    """Whether a line is other text than an event of a consumer: the judge ignores it in a log.

    False for a JSON object with a `timestamp` and the `name` of such an event; it may lack other fields.
    """
    try:
        event = _parsed(line)
    except ValueError:
        return True
    name = event.get("name")
    return not ("timestamp" in event and isinstance(name, str) and name in CONSUMER_EVENTS)


def truncate_partial_line(path: Path) -> None:
    """Remove a partial last line, so that lines can be appended to the file.

    A killed process or a full disk leaves such a line.
    """
    with contextlib.suppress(FileNotFoundError), path.open("rb+") as file:
        size = whole = file.seek(0, os.SEEK_END)
        while whole > 0:
            step = min(whole, TAIL_BYTES)
            file.seek(whole - step)
            line_end = file.read(step).rfind(b"\n")
            whole -= step - (line_end + 1)
            if line_end >= 0:
                break
        if whole < size:
            file.truncate(whole)


def _parsed(line: bytes) -> Event:
    """As `parse_event`, five times as fast for what orjson accepts too."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return parse_event(line)
    return event if isinstance(event, dict) else parse_event(line)


class Tail:
    """Follows a growing JSON-lines file: each `read` returns the whole lines added since the last.

    It reads at most READ_BYTES at a time, in case a program prints without end; orjson parses what it can,
    since each delivery of a run is read. A line that is not a JSON object, or for which `check` raises
    ValueError, is ignored: the judge reads the file again. `offset` is the number of bytes read, `events`
    counts the other lines; `unreadable` is the first ignored line with number and reason, or empty.
    """

    def __init__(self, path: Path, check: Callable[[Event], Event] | None = None) -> None:
        self.path = path
        self._check = check or (lambda event: event)
        self.offset = self._lines = self.events = 0
        self.unreadable = ""

    def read(self) -> list[Event]:
        try:
            if self.path.stat().st_size <= self.offset:
                return []
        except FileNotFoundError:
            return []
        with self.path.open("rb") as file:
            file.seek(self.offset)
            added = file.read(READ_BYTES)
        # A line that fills the buffer is given up; its rest will not be an event either.
        whole = added[: added.rfind(b"\n") + 1] or (added if len(added) == READ_BYTES else b"")
        self.offset += len(whole)
        return [event for line in whole.splitlines() if (event := self._event(line)) is not None]

    def _event(self, line: bytes) -> Event | None:
        self._lines += 1
        try:
            event = self._check(_parsed(line))
        except ValueError as error:
            if not self.unreadable:
                not_json = str(error).startswith("not JSON")
                reason = f"not JSON ({LOG_HINT})" if not_json else str(error)
                shown = quoted(line.decode("utf-8", "replace"))
                self.unreadable = f"{self.path}: line {self._lines}: {reason}: {shown}"
            return None
        self.events += 1
        return event


def is_cut_off(path: Path) -> bool:
    """Whether the last line is partial, as after a kill or on a full disk; False without a file."""
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False
