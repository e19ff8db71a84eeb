"""Gathers the ledger into columns: the messages that the brokers acked."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairpoll.base.errors import HistoryError
from fairpoll.contract.events import Event
from fairpoll.contract.records import Partition
from fairpoll.evidence.reading.lines import Lines, filled
from fairpoll.evidence.reading.numbering import Numbering, Time
from fairpoll.evidence.reading.strict import check_ledger
from fairpoll.evidence.reading.tables import Tables, ledger_query
from fairpoll.evidence.records import MESSAGE_COLUMNS, NOT_REPORTED, Array, Column, Messages

_TIMES = {"intended": "intended_ms", "sent": "sent_ms", "acked": "timestamp"}


def gather_ledger(
    path: Path, run_id: str, numbering: Numbering, time: Time, tables: Tables
) -> tuple[Messages, frozenset[str]]:
    """The acked messages, and the ids of the messages that could not be sent. Raises HistoryError.

    A message that was sent again after its partition's leader had moved is acked without its offset. An
    idempotent producer keeps a partition's order without gaps, so its neighbours determine the offset.
    """
    with Lines(path, tables, ledger_query(numbering.topics)) as lines:
        ledger = _Ledger(lines, numbering, time)
        failed = ledger.read(run_id)
        unknown = ledger.rows_without_offset()
        if len(unknown):
            columns = (ledger.place.values, ledger.offset.values, ledger.column("sequence"))
            _fill_offsets(path, numbering.partitions, *columns, unknown)
        return Messages(numbering.partitions, ledger.place.values, ledger.column), failed


class _Ledger:
    """The acked messages of one ledger, in its order."""

    def __init__(self, lines: Lines, numbering: Numbering, time: Time) -> None:
        self._lines, self._numbering, self._time = lines, numbering, time
        self.place, self.offset = Column(np.int32), Column(np.int32)
        self._acked = Column(np.bool_)  # whether a line is about an acked message
        self._strict: dict[int, Event] = {}  # acked messages that were read strictly, by their line

    def read(self, run_id: str) -> frozenset[str]:
        """Fill the columns of partitions and offsets; returns the ids of the messages not sent."""
        partitions = Counter(topic for topic, _ in self._numbering.partitions)
        failed = set()
        for part in self._lines.slices("topic", "partition", "offset"):
            count = len(part.plain)
            number, acked = np.full(count, -1), np.ones(count, bool)
            if part.columns:
                number = np.where(part.plain, self._numbering.numbers(part.columns, on_cluster=False), -1)
            offset = filled(part.columns, "offset", count, np.int64)
            for row in np.flatnonzero(number < 0):
                line = part.first + int(row)
                event = self._lines.event(line, lambda e: check_ledger(e, run_id, partitions))
                acked[row] = event["name"] == "producer_send_success"
                if acked[row]:
                    self._strict[line] = event
                    number[row] = self._numbering.number((event["topic"], event["partition"]))
                    offset[row] = event["offset"] or 0
                elif event["name"] == "producer_send_error":
                    failed.add(f"{run_id}:{event['topic']}:{event['sequence']}")
            self._acked.extend(acked)
            self.place.extend(number[acked])
            self.offset.extend(offset[acked])
        return frozenset(failed)

    def rows_without_offset(self) -> Array:
        """The rows of the messages that were acked without an offset."""
        lines = [line for line, event in self._strict.items() if event["offset"] is None]
        rows: Array = np.cumsum(self._acked.values)[lines] - 1
        return rows

    def column(self, name: str) -> Array:
        """A column of the messages, in the order of the ledger. Each call reads it from the table."""
        if name == "offset":
            return self.offset.values
        acked, kind = self._acked.values, MESSAGE_COLUMNS[name]
        values = Column(kind, len(acked))
        wide = kind if kind in (np.float64, np.bool_) else np.int64
        for part in self._lines.slices(name):
            some = filled(part.columns, name, len(part.plain), wide)
            for row in np.flatnonzero(~part.plain) if self._strict else ():
                if event := self._strict.get(part.first + int(row)):
                    some[row] = _value(event, name)
            some = some[acked[part.first : part.first + len(some)]]
            values.extend(self._time(some) if name in _TIMES else some)
        return values.values


def _value(event: Event, name: str) -> Any:
    if name == "backlog":
        return event["batch"] < 0
    if name == "poison":
        return bool(event.get("poison", False))
    if name == "value_crc32":
        return event.get(name, NOT_REPORTED)
    return event[_TIMES.get(name, name)]


def _fill_offsets(
    path: Path,
    partitions: Sequence[Partition],
    place: Array,
    offset: Array,
    sequence: Array,
    without: Array,
) -> None:
    """Set the offsets of the rows `without`. Raises HistoryError if their neighbours leave a doubt."""
    unknown = np.zeros(len(offset), bool)
    unknown[without] = True
    for number in np.unique(place[without]):
        rows = np.flatnonzero(place == number)
        known = np.flatnonzero(~unknown[rows])
        reported = offset[rows]
        for index in np.flatnonzero(unknown[rows]):
            after = np.searchsorted(known, index)
            neighbours = known[max(after - 1, 0) : after + 1] if after else known[:1]
            possible = {int(reported[at] + index - at) for at in neighbours}
            if len(possible) != 1:
                topic, partition = partitions[number]
                where = f"{topic}/{partition}"
                raise HistoryError(
                    f"{path}: the offset of message {sequence[rows[index]]} of {where} cannot be determined"
                )
            (offset[rows[index]],) = possible
