"""Files of many lines: most are read a block at a time by their spelling, the others strictly, one by one."""

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fairpoll.base.errors import HistoryError
from fairpoll.contract.events import Event, parse_event
from fairpoll.evidence.blocks import Array, Block, blocks
from fairpoll.evidence.spelling import Cursor, ListSpelling, Names, Spelling, learn

AnySpelling = Spelling | ListSpelling
# Spellings that a file is tried with; one that fits more lines takes the place of one that fits less.
MOST_SPELLINGS = 8
_SPOT: Mapping[str, type] = {"topic": str, "partition": int, "offset": int}
_MESSAGE: Mapping[str, type] = {
    "timestamp": float,
    **_SPOT,
    "sequence": int,
    "batch": int,
    "intended_ms": float,
    "sent_ms": float,
    "checksum": int,
}
_OUTPUT: Mapping[str, type] = {**_SPOT, "delivered_ms": float}
_CHECKSUM = b',"checksum":'
CHECKSUM_DIGITS = 10


@dataclass
class Batch:
    """Lines of one block (`rows`) that are spelled alike: what is in their holes, and one of them."""

    rows: Array
    columns: dict[str, Array]
    sample: Mapping[str, object]


@dataclass
class Lines:
    """What the lines of one block say: in columns, or each as the event it is, with its row."""

    block: Block
    batches: list[Batch] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)


Learn = Callable[[bytes, Event], AnySpelling | None]


class Reader:
    """Reads one file. Iterating raises HistoryError, which names file, line and field."""

    def __init__(
        self,
        path: Path,
        read: Callable[[Event], Event],
        learner: Learn,
        accepts: Callable[[Block, Array, dict[str, Array]], Array] | None = None,
    ) -> None:
        """`read` makes of a line what it says, or raises ValueError; `learner` tells how it is spelled.

        Of lines that fit a spelling `accepts` says which may be taken so; the others are read strictly.
        """
        self._path, self._event, self._learner, self._accepts = path, read, learner, accepts
        self._spellings: list[AnySpelling] = []
        self.names = Names()

    def __iter__(self) -> Iterator[Lines]:
        try:
            for block in blocks(self._path):
                yield self._read(block)
        except OSError as error:
            raise HistoryError(f"{self._path}: cannot be read: {error.strerror}") from None

    def _read(self, block: Block) -> Lines:
        lines = Lines(block)
        left = np.arange(len(block.starts))
        for spelling in self._spellings:
            left = self._take(spelling, left, lines)
        # Where learning leads nowhere, more and more lines are read before it is tried again.
        step = 1
        while len(left):
            strictly, left = left[:step].tolist(), left[step:]
            lines.events += [(row, self._strictly(block, row)) for row in strictly]
            step *= 2
            learned = self._learner(block.line(strictly[-1]), lines.events[-1][1]) if len(left) else None
            if learned and all(learned.parts != known.parts for known in self._spellings):
                left = self._take(learned, left, lines)
                if learned.hits:
                    self._spellings = sorted([*self._spellings, learned], key=lambda s: -s.hits)
                    self._spellings = self._spellings[:MOST_SPELLINGS]
                    step = 1
        return lines

    def _take(self, spelling: AnySpelling, rows: Array, lines: Lines) -> Array:
        """Read what fits this spelling; returns the rows that do not."""
        if not len(rows):
            return rows
        fits, columns = spelling.read(lines.block, rows, self.names)
        if isinstance(spelling, Spelling):
            if self._accepts:
                some = np.flatnonzero(fits)
                columns = {name: column[some] for name, column in columns.items()}
                taken = self._accepts(lines.block, rows[some], columns)
                fits[some] = taken
                columns = {name: column[taken] for name, column in columns.items()}
            else:
                columns = {name: column[fits] for name, column in columns.items()}
        elif columns:
            columns["row"] = rows[columns.pop("line")]
        if fits.any():
            lines.batches.append(Batch(rows[fits], columns, spelling.sample))
            spelling.hits += int(fits.sum())
        return rows[~fits]

    def _strictly(self, block: Block, row: int) -> Event:
        number = block.first_number + row
        event = parse_event(self._path, number, block.line(row))
        try:
            return self._event(event)
        except ValueError as error:
            raise HistoryError(f"{self._path}: line {number}: {error}") from None


def message_spelling(line: bytes, event: Event) -> Spelling | None:
    """How the ledger spells an acked message."""
    parts = learn(line[:-1], _MESSAGE) if event["name"] == "producer_send_success" else None
    return Spelling(parts, event) if parts else None


def output_spelling(line: bytes, event: Event) -> Spelling | None:
    """How an output spells a record, whose value must be the last of its fields."""
    value = re.search(rb'"value"\s*:\s*', line)
    if value is None or not line.endswith(b"}}\n"):
        return None
    try:
        if json.loads(line[value.end() : -2]) != event["value"]:
            return None
    except (ValueError, RecursionError):
        return None
    parts = learn(line[: value.end()], _OUTPUT)
    return Spelling(parts, event, value_last=True) if parts else None


def records_spelling(line: bytes, event: Event) -> ListSpelling | None:
    """How a consumer spells that it has delivered records; each of them must be spelled alike."""
    records = re.search(rb'"records"\s*:\s*\[\s*', line)
    if event["name"] != "records_consumed" or records is None or not event["records"]:
        return None
    items = list(re.finditer(rb"\{[^{}]*\}", line[records.end() :]))
    if len(items) != len(event["records"]) or set(event) & {"partitions", "offsets"}:
        return None
    place = records.end()
    head, tail = line[:place], line[place + items[-1].end() : -1]
    item = learn(items[0][0], _SPOT)
    between = line[place + items[0].end() : place + items[1].start()] if len(items) > 1 else b","
    parts = learn(head, {"timestamp": float})
    end = learn(tail, {})
    once = all(line.count(name) == 1 for name in (b'"records"', b'"timestamp"'))
    if not (item and parts and end and once) or items[0].start():
        return None
    return ListSpelling((parts, item, end), between, event)


def content_checksums(block: Block, start: Array, end: Array) -> Array:
    """Of message bodies in our spelling their checksum; -1 where a body does not end with one.

    It is taken over the body without the field `checksum`, which must be the last.
    """
    data, found = block.data, np.full(len(start), -1, np.int64)
    mark = np.full(len(start), -1, np.int64)
    for digits in range(CHECKSUM_DIGITS, 0, -1):
        left = np.flatnonzero(mark < 0)
        field = Cursor(data, np.maximum(end[left] - 1 - digits - len(_CHECKSUM), 0))
        field.skip(_CHECKSUM)
        field.whole()
        field.skip(b"}")
        fits = field.fits & (field.at == end[left])
        mark[left[fits]] = field.at[fits] - 1 - digits - len(_CHECKSUM)
    there = np.flatnonzero(mark > start)
    places = mark[there]
    # For as long as it is read, the body ends where its checksum begins.
    data[places] = ord("}")
    view, crc = data.data, zlib.crc32
    spans = zip(start[there].tolist(), (places + 1).tolist(), strict=True)
    found[there] = [crc(view[first:last]) for first, last in spans]
    data[places] = ord(",")
    return found


def in_file_order(parts: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Columns that have a `row` each, put together and sorted by it."""
    if len(parts) == 1 and np.all(np.diff(parts[0]["row"]) >= 0):
        return parts[0]
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(together["row"], kind="stable")
    return {name: column[order] for name, column in together.items()}
