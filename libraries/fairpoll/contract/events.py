"""Newline-delimited JSON events: what the processes of a run say, and how it is read.

One object a line, each with `timestamp` (ms since the epoch) and `name`. The names are those of
Kafka's own verifiable clients, with the topic in every record:

producer: startup_complete, producer_send_success, producer_send_error, backlog_complete,
          shutdown_complete
consumer: startup_complete, partitions_assigned, partitions_revoked, partitions_paused,
          partitions_resumed, buffer_levels, records_consumed, record_rejected, offsets_committed,
          shutdown_complete

`records_consumed` means that the sink has them, not that a poll returned them.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from fairpoll.base.clock import now_ms
from fairpoll.base.disk import unwritable
from fairpoll.base.errors import FairpollError, HistoryError
from fairpoll.base.text import quoted

Event = dict[str, Any]
# How much of a file's end is read at a time to find its last whole line.
TAIL_BYTES = 65_536

# Some ten thousand events: a tenth of a second's work.
READ_BYTES = 1024 * 1024


def dump(data: object) -> str:
    """The one JSON spelling used everywhere: compact, not escaped, so that it can be checksummed."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


class EventWriter:
    """Writes events to a stream, one line each, from any thread; what is written is flushed at once.

    Raises FairpollError when that cannot be done: a run without its evidence is worth nothing.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()

    def __call__(self, event: str, /, **fields: object) -> None:
        self.write(dump({"timestamp": now_ms(), "name": event, **fields}) + "\n")

    def write(self, lines: str) -> None:
        """Whole lines, each an event with its time and name, by one who has many to tell at once."""
        with self._lock:
            try:
                self._stream.write(lines)
                self._stream.flush()
            except OSError as error:
                raise FairpollError(unwritable("events", error)) from None


def read_events(path: Path) -> Iterator[Event]:
    """The events of a finished file. A cut-off last line, as a killed process leaves, is passed over.

    Raises HistoryError naming the line of anything else that is not an event.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            yield parse_event(path, number, line)


def parse_event(path: Path, number: int, line: bytes) -> Event:
    """The event that this line of a file is. Raises HistoryError naming the line if it is none."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise HistoryError(f"{path}: line {number}: not JSON: {error}") from None
    if not isinstance(event, dict):
        raise HistoryError(f"{path}: line {number}: not an event but {type(event).__name__}")
    return event


def truncate_partial_line(path: Path) -> None:
    """Cut off a last line that was never finished, before anything is appended to the file.

    A process that was killed, or a full disk, leaves such a line; what reads the file passes over it.
    """
    with contextlib.suppress(FileNotFoundError), path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        place = end
        while place > 0:
            step = min(place, TAIL_BYTES)
            file.seek(place - step)
            found = file.read(step).rfind(b"\n")
            if found >= 0:
                place = place - step + found + 1
                break
            place -= step
        if place < end:
            file.truncate(place)


class Tail:
    """Follows a growing JSON-lines file: each `read` gives the whole lines added since the last.

    At most READ_BYTES at a time, so that a program that prints without end is not read without end.
    A line that is no JSON object is passed over. With `check` it raises HistoryError instead, and so
    does an event that `check` refuses with a ValueError. `lines` counts those that were read.
    """

    def __init__(self, path: Path, check: Callable[[Event], object] | None = None) -> None:
        self.path = path
        self._check = check
        self._offset = 0
        self.lines = 0

    def read(self) -> list[Event]:
        try:
            if self.path.stat().st_size <= self._offset:
                return []  # asked ten times a second of a file for each topic: not opened for nothing
        except FileNotFoundError:
            return []
        with self.path.open("rb") as file:
            file.seek(self._offset)
            added = file.read(READ_BYTES)
        # A line that fills all of it has no end in sight; what is left of it is no event either.
        whole = added[: added.rfind(b"\n") + 1] or (added if len(added) == READ_BYTES else b"")
        self._offset += len(whole)
        return [event for line in whole.splitlines() if (event := self._event(line)) is not None]

    def _event(self, line: bytes) -> Event | None:
        self.lines += 1
        try:
            event = json.loads(line)
            if not isinstance(event, dict):
                raise ValueError("not an event")
            if self._check:
                self._check(event)
        except (ValueError, RecursionError) as error:
            if not self._check:
                return None  # the judge reads the file again, strictly
            no_json = isinstance(error, json.JSONDecodeError | RecursionError)
            reason = "not JSON (a consumer's log belongs on standard error)" if no_json else str(error)
            shown = quoted(line[:READ_BYTES].decode("utf-8", "replace"))
            raise HistoryError(f"{self.path}: line {self.lines}: {reason}: {shown}") from None
        return event


def is_cut_off(path: Path) -> bool:
    """Whether the file ends within a line, as a killed process or a full disk leaves it."""
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False  # not there; who needs it says so
