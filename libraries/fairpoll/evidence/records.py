"""Messages and deliveries as columns: each field of all records is one array.

Iterating yields `Acked` or `Delivered` objects; checkers use these only for the records that they name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from fairpoll.contract.records import Partition, RecordId

Array = npt.NDArray[Any]
T = TypeVar("T")

NEVER = float("inf")
# The checksum of a record whose consumer does not report its content.
NOT_REPORTED = -1
# Rows that are processed at a time, to bound the memory of intermediate results.
PART_ROWS = 1 << 18


@dataclass(frozen=True, slots=True)
class Acked:
    """A message that the brokers have acknowledged. Times in scenario seconds.

    `checksum` is that of its body as `contract.records.checksum_of` computes it, `value_crc32` the CRC-32 of
    its bytes; recordings made by earlier versions do not have the latter.
    """

    topic: str
    partition: int
    offset: int
    sequence: int
    intended: float
    sent: float
    backlog: bool
    checksum: int
    poison: bool = False
    acked: float | None = None
    value_crc32: int = NOT_REPORTED

    @property
    def record_id(self) -> RecordId:
        return (self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A record in a sink's file, or one that its consumer reported as delivered.

    `checksum` (None: not reported) and `message_id` are taken from what the file holds, `output` is the file.
    """

    topic: str
    partition: int
    offset: int
    at: float
    message_id: str
    checksum: int | None
    output: str
    member: str = ""

    @property
    def record_id(self) -> RecordId:
        return (self.topic, self.partition, self.offset)


class Column:
    """An array that grows. Whole numbers take four bytes each until one of them needs eight."""

    def __init__(self, kind: type[np.generic], capacity: int = 256) -> None:
        self._values = np.empty(capacity, kind)
        self._length = 0

    def extend(self, values: npt.ArrayLike) -> None:
        added = np.asarray(values)
        kind = self._values.dtype
        if kind in (np.int32, np.uint32) and len(added) and not _fits(added, kind):
            kind = np.dtype(np.int64)
        needed = self._length + len(added)
        if needed > len(self._values) or kind != self._values.dtype:
            # The unused rest of the array takes no memory: its pages are never written.
            grown = np.empty(max(needed, len(self._values) * 2), kind)
            grown[: self._length] = self.values
            self._values = grown
        self._values[self._length : needed] = added
        self._length = needed

    @property
    def values(self) -> Array:
        return self._values[: self._length]


def _fits(values: Array, kind: np.dtype[Any]) -> bool:
    limits = np.iinfo(kind)
    return bool(limits.min <= values.min() and values.max() <= limits.max)


def parts(spans: Iterable[slice]) -> Iterator[slice]:
    """The same rows in slices of at most PART_ROWS."""
    for span in spans:
        for start in range(span.start, span.stop, PART_ROWS):
            yield slice(start, min(start + PART_ROWS, span.stop))


class Rows(Sequence[T], Generic[T]):
    """A table of columns that can also be iterated as objects."""

    def row(self, row: int) -> T:
        """The object of this row."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        rows = range(len(self))[index]
        return self.row(rows) if isinstance(rows, int) else [self.row(row) for row in rows]

    def __iter__(self) -> Iterator[T]:
        return map(self.row, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def where(self, test: Callable[[slice], Array]) -> Array:
        """The rows that pass `test`, which maps a slice of rows to an array of booleans."""
        found = [part.start + np.flatnonzero(test(part)) for part in parts([slice(0, len(self))])]
        return np.concatenate([np.empty(0, np.int64), *found])


MESSAGE_COLUMNS: Mapping[str, type[np.generic]] = {
    "offset": np.int32,
    "sequence": np.int32,
    "intended": np.float64,
    "sent": np.float64,
    "acked": np.float64,
    "backlog": np.bool_,
    "checksum": np.uint32,
    "value_crc32": np.uint32,
    "poison": np.bool_,
}


class Messages(Rows[Acked]):
    """The acked messages, sorted by partition, in the scenario's order, and by offset.

    Columns are called as the fields of `Acked` (`acked`: NaN where it is not known); `line` is a message's
    place in the ledger. The rows of partition number n are those from `bounds[n]` to `bounds[n + 1]`.
    """

    offset: Array
    sequence: Array
    intended: Array
    sent: Array
    acked: Array
    backlog: Array
    checksum: Array
    value_crc32: Array
    poison: Array

    def __init__(self, partitions: Sequence[Partition], place: Array, column: Callable[[str], Array]) -> None:
        """`place`: the number of each message's partition; `column` gives the others, in the same order.

        It is called once for each, so that no more than one of them is held twice.
        """
        self.partitions = tuple(partitions)
        self.numbers = {partition: number for number, partition in enumerate(self.partitions)}
        counts = np.bincount(place, minlength=len(self.partitions))
        self.bounds = np.concatenate(([0], np.cumsum(counts)))
        order = np.argsort(place.astype(np.uint16), kind="stable")
        offsets = column("offset")[order]
        for rows in self.by_partition.values():
            if np.any(offsets[rows][1:] < offsets[rows][:-1]):
                order[rows] = order[rows][np.argsort(offsets[rows], kind="stable")]
        self.line = order.astype(np.int32)
        del order, offsets
        for name in MESSAGE_COLUMNS:
            setattr(self, name, column(name)[self.line])

    @classmethod
    def of(cls, partitions: Sequence[Partition], acked: Iterable[Acked]) -> "Messages":
        """From messages in the order of the ledger. Raises KeyError for a partition that is not listed."""
        messages = list(acked)
        numbers = {partition: number for number, partition in enumerate(partitions)}

        def column(name: str) -> Array:
            grown = Column(MESSAGE_COLUMNS[name])
            values = [getattr(message, name) for message in messages]
            grown.extend([np.nan if value is None else value for value in values])
            return grown.values

        place = np.array([numbers[(m.topic, m.partition)] for m in messages], np.int64)
        return cls(partitions, place, column)

    @classmethod
    def merged(cls, partitions: Sequence[Partition], ledgers: Sequence["Messages"]) -> "Messages":
        """The messages of several ledgers with these partitions, in the order of their send times."""
        order = np.argsort(np.concatenate([np.empty(0), *(one.sent for one in ledgers)]), kind="stable")

        def column(name: str) -> Array:
            of_all = [np.empty(0, MESSAGE_COLUMNS[name]), *(getattr(one, name) for one in ledgers)]
            return np.concatenate(of_all)[order]

        numbers = [one.partition_numbers(np.arange(len(one))) for one in ledgers]
        return cls(partitions, np.concatenate([np.empty(0, np.int64), *numbers])[order], column)

    def __len__(self) -> int:
        return len(self.line)

    @cached_property
    def by_partition(self) -> Mapping[Partition, slice]:
        """The rows of every partition of the scenario, including partitions without messages."""
        spans = pairwise(self.bounds.tolist())
        return {partition: slice(*span) for partition, span in zip(self.partitions, spans, strict=True)}

    def row(self, row: int) -> Acked:
        topic, partition = self.partitions[int(self.partition_numbers(row))]
        acked = float(self.acked[row])
        return Acked(
            topic,
            partition,
            int(self.offset[row]),
            int(self.sequence[row]),
            float(self.intended[row]),
            float(self.sent[row]),
            bool(self.backlog[row]),
            int(self.checksum[row]),
            bool(self.poison[row]),
            None if np.isnan(acked) else acked,
            int(self.value_crc32[row]),
        )

    def record_id(self, row: int) -> RecordId:
        """The message's topic, partition and offset."""
        topic, partition = self.partitions[int(self.partition_numbers(row))]
        return (topic, partition, int(self.offset[row]))

    def partition_numbers(self, rows: Any) -> Any:
        """The partition number of each row."""
        return np.searchsorted(self.bounds[1:], rows, side="right")

    def of_topics(self, topics: Sequence[str]) -> list[slice]:
        """The rows of these topics, a slice for each partition."""
        return [rows for (topic, _), rows in self.by_partition.items() if topic in topics]

    def count_of(self, topics: Sequence[str]) -> int:
        """The number of messages of these topics."""
        return sum(rows.stop - rows.start for rows in self.of_topics(topics))

    def earliest(self, rows: Array) -> Acked:
        """The message, among these rows, that comes first in the ledger."""
        return self.row(int(rows[np.argmin(self.line[rows])]))

    @cached_property
    def last_of_record(self) -> Array | None:
        """The last row with the same offset, for each row; None if every offset was acked once."""
        same = np.zeros(len(self), bool)
        for rows in self.by_partition.values():
            offset = self.offset[rows]
            same[rows][:-1] = offset[1:] == offset[:-1]
        if not same.any():
            return None
        last = np.where(same, len(self), np.arange(len(self)))
        return np.minimum.accumulate(last[::-1])[::-1]

    def find(self, place: Array, offset: Array) -> Array:
        """The rows of the messages at these partitions (numbers) and offsets; -1 where there is none.

        If an offset was acked more than once, its last row is returned.
        """
        found = np.full(len(place), -1, np.int64)
        if not len(self) or not len(place):  # an empty column may be of any type
            return found
        first, end = self.bounds[place], self.bounds[place + 1]
        if self.last_of_record is None:
            # Offsets usually have no gaps, so that the row follows from the offset.
            guess = first + (offset - self.offset[np.minimum(first, len(self) - 1)])
            there = (guess >= first) & (guess < end)
            there &= self.offset[np.where(there, guess, 0)] == offset
            found[there] = guess[there]
        left = np.flatnonzero(found < 0)
        low, high, wanted = first[left], end[left], offset[left]
        while np.any(low < high):
            middle = (low + high) // 2
            below = (low < high) & (self.offset[np.minimum(middle, len(self) - 1)] <= wanted)
            high = np.where(below, high, np.where(low < high, middle, high))
            low = np.where(below, middle + 1, low)
        there = low > first[left]
        there &= self.offset[np.maximum(low - 1, 0)] == wanted
        found[left[there]] = low[there] - 1
        return found

    def rows_at(self, record_id: RecordId) -> slice:
        """The rows of this record: none, one, or one for each time that it was acked."""
        rows = self.by_partition.get(record_id[:2], slice(0, 0))
        first, end = (
            np.searchsorted(self.offset[rows], record_id[2], side=side) for side in ("left", "right")
        )
        return slice(rows.start + int(first), rows.start + int(end))

    def find_one(self, record_id: RecordId) -> int:
        """The last row of this record; -1 if there is none."""
        rows = self.rows_at(record_id)
        return rows.stop - 1 if rows.stop > rows.start else -1
