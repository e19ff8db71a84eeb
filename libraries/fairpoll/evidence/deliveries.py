"""A consumer's deliveries as columns that refer to the acked messages."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fairpoll.contract.records import Partition, RecordId
from fairpoll.evidence.records import (
    NEVER,
    NOT_REPORTED,
    PART_ROWS,
    Array,
    Column,
    Delivered,
    Messages,
    Rows,
)


class Deliveries(Rows[Delivered]):
    """A consumer's deliveries in the order of time.

    `record` says which record a delivery is: the row of the acked message; or, from `len(messages)` on,
    one of `foreign`, a record that was never acked; only these keep their `message_id`.
    """

    def __init__(self, messages: Messages, found: "DeliveryColumns") -> None:
        self.messages = messages
        self.foreign: tuple[RecordId, ...] = tuple(found.foreign)
        self.outputs, self.members = tuple(found.outputs), tuple(found.members)
        at = found.columns["at"].values
        order = None if np.all(at[1:] >= at[:-1]) else np.argsort(at, kind="stable").astype(np.int32)
        del at

        def in_order(name: str) -> Array:
            values = found.columns.pop(name).values
            return values if order is None else values[order]

        self.at = in_order("at")
        self.record = in_order("record")
        self.checksum = in_order("checksum")
        self._output = in_order("output")
        self._member = in_order("member")
        place = {int(row): now for now, row in enumerate(order)} if found.ids and order is not None else None
        self.ids = {place[row] if place else row: text for row, text in found.ids.items()}

    @classmethod
    def of(cls, messages: Messages, delivered: Iterable[Delivered]) -> "Deliveries":
        """From records in any order; records with equal times keep their order."""
        found = DeliveryColumns(messages)
        for row, one in enumerate(delivered):
            checksum = NOT_REPORTED if one.checksum is None else one.checksum
            found.extend(
                np.array([found.number(one.record_id)]), [one.at], [checksum], one.output, one.member
            )
            found.ids[row] = one.message_id
        return cls(messages, found)

    def plus(self, rows: Array, at: Array, outputs: Mapping[str, str]) -> "Deliveries":
        """These and deliveries of the acked messages in `rows`, to the output of each one's topic."""
        found = DeliveryColumns(self.messages)
        columns = {"output": self._output, "member": self._member}
        columns |= {"at": self.at, "record": self.record, "checksum": self.checksum}
        for name, column in columns.items():
            found.columns[name].extend(column)
        found.foreign = {record_id: number for number, record_id in enumerate(self.foreign)}
        found.outputs = {name: number for number, name in enumerate(self.outputs)}
        found.members = {name: number for number, name in enumerate(self.members)}
        found.ids, found.count = dict(self.ids), len(self)
        for row, moment in zip(rows, at, strict=True):
            output = outputs[self.messages.record_id(int(row))[0]]
            checksum = self.messages.checksum[[row]]
            found.extend(np.array([row]), [moment], checksum, output, next(iter(self.members), ""))
        return Deliveries(self.messages, found)

    def at_times(self, messages: Messages, at: Array) -> "Deliveries":
        """The same deliveries at other times in the same order; `messages` are the same with other times."""
        other = copy.copy(self)
        other.__dict__.pop("first", None)
        other.messages, other.at = messages, at
        return other

    def until(self, end: float) -> "Deliveries":
        """Those up to this moment."""
        other = copy.copy(self)
        other.__dict__.pop("first", None)
        count = int(np.searchsorted(self.at, end, side="right"))
        for name in ("at", "record", "checksum", "_output", "_member"):
            setattr(other, name, getattr(self, name)[:count])
        return other

    def __len__(self) -> int:
        return len(self.at)

    def row(self, row: int) -> Delivered:
        topic, partition, offset = self.record_id(row)
        checksum = int(self.checksum[row])
        return Delivered(
            topic,
            partition,
            offset,
            float(self.at[row]),
            self.ids.get(row, ""),
            None if checksum == NOT_REPORTED else checksum,
            self.outputs[self._output[row]],
            self.members[self._member[row]],
        )

    def record_id(self, row: int) -> RecordId:
        """The record delivered in this row."""
        record = int(self.record[row])
        known = len(self.messages)
        return self.messages.record_id(record) if record < known else self.foreign[record - known]

    def record_ids(self, rows: Iterable[int]) -> Iterator[RecordId]:
        """The records delivered in these rows."""
        return (self.record_id(int(row)) for row in rows)

    @cached_property
    def first(self) -> Array:
        """The first delivery time of each acked message, then of each of `foreign`; NEVER if none."""
        first = np.full(len(self.messages) + len(self.foreign), NEVER)
        for end in range(len(self), 0, -PART_ROWS):
            part = slice(max(end - PART_ROWS, 0), end)
            first[self.record[part][::-1]] = self.at[part][::-1]  # of a record twice in it, the earlier
        last = self.messages.last_of_record
        if last is not None:
            first[: len(last)] = first[last]
        return first

    @cached_property
    def first_row(self) -> Array:
        """The row of the first delivery of each record; undefined for a record that was never delivered."""
        first = np.empty(len(self.messages) + len(self.foreign), np.int32)
        first[self.record[::-1]] = np.arange(len(self), dtype=np.int32)[::-1]  # the earliest is put in last
        return first

    @property
    def first_of_acked(self) -> Array:
        """The first delivery time of each acked message; NEVER if there is none."""
        first: Array = self.first[: len(self.messages)]
        return first

    def by_partition(self) -> Iterator[tuple[Partition, Array]]:
        """The rows of each partition with deliveries, in the order of time."""
        known, partitions = len(self.messages), list(self.messages.partitions)
        numbers = dict(self.messages.numbers)
        for topic, partition, _ in self.foreign:
            if (topic, partition) not in numbers:
                numbers[(topic, partition)] = len(partitions)
                partitions.append((topic, partition))
        beyond = np.array([numbers[record_id[:2]] for record_id in self.foreign], np.int64)
        place = np.empty(len(self), np.uint16 if len(partitions) < 1 << 16 else np.int64)
        for start in range(0, len(self), PART_ROWS):
            record = self.record[start : start + PART_ROWS]
            some = self.messages.partition_numbers(record)
            some[record >= known] = beyond[record[record >= known] - known]
            place[start : start + PART_ROWS] = some
        bounds = np.concatenate(([0], np.cumsum(np.bincount(place, minlength=len(partitions)))))
        order = np.argsort(place, kind="stable")
        del place
        order = order.astype(np.int32)
        for number in np.flatnonzero(np.diff(bounds)):
            yield partitions[number], order[bounds[number] : bounds[number + 1]]

    def offsets(self, rows: Array) -> Array:
        """The offsets of these rows."""
        record, known = self.record[rows], len(self.messages)
        if not self.foreign:
            return self.messages.offset[record]
        offset = np.empty(len(rows), np.int64)
        acked = record < known
        offset[acked] = self.messages.offset[record[acked]]
        offset[~acked] = [self.foreign[number - known][2] for number in record[~acked]]
        return offset

    def in_output(self, rows: Array, output: str) -> Array:
        """Whether each of these rows was delivered to this output."""
        number = self.outputs.index(output) if output in self.outputs else -1
        stands: Array = self._output[rows] == number
        return stands

    def by_member(self, rows: Array | slice, member: str) -> Array:
        """Whether this member delivered each of these rows."""
        its: Array = self._member[rows] == self.members.index(member)
        return its


class DeliveryColumns:
    """Collects deliveries in the order in which they are read."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.columns = {
            "at": Column(np.float64),
            "record": Column(np.int32),
            "checksum": Column(np.uint32),
            "output": Column(np.int16),
            "member": Column(np.int8),
        }
        self.foreign: dict[RecordId, int] = {}
        # Message ids of deliveries that were never acked, by row.
        self.ids: dict[int, str] = {}
        self.outputs: dict[str, int] = {}
        self.members: dict[str, int] = {}
        self.count = 0

    def number(self, record_id: RecordId) -> int:
        """The number of this record, acked or not."""
        row = self.messages.find_one(record_id)
        return row if row >= 0 else len(self.messages) + self.foreign.setdefault(record_id, len(self.foreign))

    def extend(
        self, records: Array, at: npt.ArrayLike, checksum: npt.ArrayLike, output: str, member: str
    ) -> None:
        """Add deliveries of these records to one output by one member."""
        self.columns["record"].extend(records)
        self.columns["at"].extend(at)
        self.columns["checksum"].extend(checksum)
        for name, numbers, value in (("output", self.outputs, output), ("member", self.members, member)):
            number = numbers.setdefault(value, len(numbers))
            self.columns[name].extend(np.full(len(records), number))
        self.count += len(records)
