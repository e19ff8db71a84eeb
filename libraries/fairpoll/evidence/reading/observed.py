"""When each line of a consumer's files was written: as observed, refined by the consumer's own time.

The harness records how the files grow (`run.observer`). A line was written between the observation that did
not have it and the one that did. Within this interval the time that the line states is taken, otherwise the
beginning of the interval. The latter holds for all deliveries of a file if their times are rounded, or one of
them is later than its line was seen.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fairpoll.evidence.layout import SEEN
from fairpoll.evidence.reading.strict import read_samples
from fairpoll.evidence.records import Array
from fairpoll.evidence.stamps import Example, Stamps

# Real time that may pass between a stamp and the line's write, in milliseconds. The host's own pauses are
# rarely longer, and a shorter lie gains nothing.
SLACK_MS = 250.0
# A writer may collect lines and flush them together: up to this time, and since its last flush only.
BATCH_MS = 2000.0
# Times of delivery are not taken before the write if one is this much later than its line was seen (ms).
LATE_MS = 2.0
# The units (milliseconds) of rounded times; fewer multiples of one than this may be chance.
UNITS_MS = {1000: 6, 100: 9, 10: 18}
READ_BYTES = 1 << 22
# The least that orders two lines, in milliseconds.
BEHIND_MS = 0.01
_WHITE = np.zeros(256, bool)
_WHITE[list(b" \t\n\r\x0b\x0c")] = True


class Spans(NamedTuple):
    """The observations of one file, in the order of time, in milliseconds since the epoch.

    At `until`, `lines` whole lines were there, blank ones not counted; those that came with this observation
    were written after `since`, and after `before` if the writer had collected them.
    """

    lines: Array
    since: Array
    until: Array
    before: Array


class Written(NamedTuple):
    """When some lines were written: by their own times where these are usable, at the latest `until`."""

    at: Array
    own_usable: Array
    until: Array


class Observations:
    """The observed sizes of files, from a file of observations; empty if that file is missing."""

    def __init__(self, path: Path) -> None:
        """Raises HistoryError."""
        self._grown: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
        self._begun = math.inf
        for event in read_samples(path) if path.exists() else ():
            if event["name"] == "files_grown":
                self._begun = min(self._begun, event["since"])
                for name, size in event["sizes"].items():
                    self._grown[name].append((size, event["since"], event["timestamp"]))

    def of(self, path: Path, name: str) -> Spans | None:
        """The observations of this file, which the harness called `name`; None if it did not observe it."""
        if name not in self._grown:
            return None
        sizes, since, until = (np.array(column) for column in zip(*self._grown[name], strict=True))
        # A partial last line is removed before a successor writes to the file.
        sizes = np.minimum.accumulate(sizes[::-1])[::-1]
        there = np.zeros(len(sizes) + 1, np.int64)
        for ends in _line_ends(path):
            there += np.bincount(np.searchsorted(sizes, ends), minlength=len(there))
        before = np.concatenate(([self._begun], since[:-1]))
        return Spans(np.cumsum(there[:-1]), since, until, before)


def _line_ends(path: Path) -> Iterator[Array]:
    """The place after each whole line that is not blank, in bytes."""
    rest, base = b"", 0
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            data = rest + chunk
            octets = np.frombuffer(data, np.uint8)
            ends = np.flatnonzero(octets == ord("\n")) + 1
            starts = np.concatenate((np.zeros(min(len(ends), 1), np.int64), ends[:-1]))
            doubtful = np.flatnonzero(_WHITE[octets[starts]]).tolist()
            blank = [n for n in doubtful if data[starts[n] : ends[n]].isspace()]
            yield base + np.delete(ends, blank)
            whole = int(ends[-1]) if len(ends) else 0
            rest, base = data[whole:], base + whole


@dataclass
class LineTimes:
    """The times of one consumer's lines, in milliseconds since the epoch by its machine's clock.

    `folder` is the recording's; `frozen` are the times in which the consumer could not write. Without
    `use_own`, the times that the lines state are ignored. `stamps` counts those that contradict the
    observation.
    """

    observations: Observations
    folder: Path
    frozen: Sequence[tuple[float, float]] = ()
    use_own: bool = True

    def __post_init__(self) -> None:
        self.stamps = Stamps()
        self._spans: dict[Path, Spans | None] = {}
        self._latest: dict[Path, float] = {}
        self._units: set[int] = set()

    def observed(self, path: Path) -> bool:
        """Whether the harness observed this file."""
        return self._of(path) is not None

    def _of(self, path: Path) -> Spans | None:
        if path.name == SEEN:  # its times are those of the sink, from outside
            return None
        if path not in self._spans:
            name = path.relative_to(self.folder).as_posix()
            self._spans[path] = self.observations.of(path, name)
        return self._spans[path]

    def written(
        self,
        path: Path,
        lines: Array,
        own: Array,
        record: Array | None = None,
        *,
        events: Array | None = None,
        late: Array | None = None,
    ) -> Written:
        """When these lines (counted from 0, without blank ones) were written, by their own times (NaN: none).

        `record` has the records that they deliver. `events` marks lines that deliver nothing: their own time
        counts though the writer collected them. `late` marks those whose latest possible time is wanted.
        The lines of a file must be asked for in their order: those that deliver keep it.
        """
        own = np.asarray(own, np.float64)
        spans = self._of(path)
        delivers = np.ones(len(own), bool) if events is None else ~events
        unit = _unit_of(own[delivers])
        if spans is None or not len(lines):
            if delivers.any():
                self._units.add(unit)
                self.stamps.unit_ms = min(self._units)
            return Written(own, np.ones(len(own), bool), own)
        place = np.searchsorted(spans.lines, lines, side="right")
        last = len(spans.lines) - 1
        seen = place <= last  # a run that was cut off has lines that were never observed
        place = np.minimum(place, last)
        since = np.where(seen, spans.since[place], spans.until[last])
        until = np.where(seen, spans.until[place], np.inf)
        before = np.where(seen, spans.before[place], since)
        earliest = np.minimum(np.maximum(before, until - BATCH_MS), since)
        own_since = since
        if events is not None:
            earliest = np.where(events, before, earliest)
            own_since = np.where(events, before, since)
        if not self.use_own:
            own = np.full(len(own), np.nan)
        self._hold_against(path, lines, own, (since, until, earliest), record, SLACK_MS + unit * delivers)
        usable = (own_since - SLACK_MS <= own) & (own <= until + SLACK_MS)
        if unit or np.any(delivers & (own > until + LATE_MS)):
            usable &= ~delivers
        at = np.where(usable, np.clip(own, own_since, until), since)
        if late is not None:
            at = np.where(~usable & late & np.isfinite(until), until, at)
        latest = np.maximum.accumulate(np.maximum(at, self._latest.get(path, -np.inf)))
        self._latest[path] = float(latest[-1])
        # No line was written before the one above it, whatever they state.
        return Written(latest if events is None else np.where(usable & events, at, latest), usable, until)

    def _hold_against(
        self,
        path: Path,
        lines: Array,
        own: Array,
        seen: tuple[Array, Array, Array],
        record: Array | None,
        slack: Array,
    ) -> None:
        since, until, earliest = seen
        stamps = self.stamps
        stamps.observed += int(np.count_nonzero(~np.isnan(own)))
        early, late = earliest - slack - own, own - until - slack
        for begin, end in self.frozen:  # a line may have been stamped before, and written after
            early = early - np.clip(np.minimum(earliest, end) - np.maximum(own, begin), 0.0, None)
        outside = np.flatnonzero((early > 0) | (late > 0))
        if not len(outside):
            return
        stamps.early += int(np.count_nonzero(early > 0))
        stamps.late += int(np.count_nonzero(late > 0))
        off = (np.maximum(early, late) + slack)[outside]
        worst = outside[off.argmax()]
        if off.max() > stamps.worst_ms:
            name = path.relative_to(self.folder).as_posix()
            stamps.worst_ms = float(off.max())
            stamps.example = Example(
                name, int(lines[worst]) + 1, float(own[worst]), float(since[worst]), float(until[worst])
            )
        known = np.full(len(own), -1) if record is None else record
        stamps.keep(own[outside], since[outside], until[outside], known[outside])


def _unit_of(own: Array) -> int:
    """The unit of UNITS_MS of which all these times are multiples, 0 if there is none; NaN: no time."""
    stated = own[~np.isnan(own)]
    units = (unit for unit, fewest in UNITS_MS.items() if len(stated) >= fewest)
    return next((unit for unit in units if not np.any(stated % unit)), 0)


def in_order_of_lines(at: Array, delivers: Array, ends: Array) -> Array:
    """The times of a log's lines (milliseconds) where those that end an assignment keep their place.

    `delivers` marks lines with deliveries, `ends` those that end an assignment. Their stamps may be whole
    milliseconds, and the observation may have moved a delivery behind its stamp by as little. A line that
    ends an assignment is behind each delivery above it, and lines of its stamp below it are not before it.
    A difference of more than SLACK_MS is left to the criteria.
    """
    ordered = at.copy()
    delivered = np.maximum.accumulate(np.where(delivers, at, -np.inf))
    for row in np.flatnonzero(ends & (at <= delivered) & (delivered <= at + SLACK_MS)).tolist():
        ordered[row] = delivered[row] + BEHIND_MS
        below = slice(row + 1, None)
        same = (ordered[below] >= at[row]) & (ordered[below] < ordered[row])
        ordered[below][same] = ordered[row]
    return ordered
