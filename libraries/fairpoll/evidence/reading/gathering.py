"""Gathers what a consumer delivered into columns, from its output files, its events or its commits."""

import math
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from fairpoll.contract.events import Event, is_log_line
from fairpoll.contract.output_fields import Fields
from fairpoll.contract.records import Partition, RecordId, checksum_of
from fairpoll.evidence.deliveries import DeliveryColumns
from fairpoll.evidence.history import Committed
from fairpoll.evidence.reading.lines import Lines, filled
from fairpoll.evidence.reading.numbering import Numbering, Time
from fairpoll.evidence.reading.observed import BEHIND_MS, LineTimes, Written, in_order_of_lines
from fairpoll.evidence.reading.strict import check_but_records, check_event, check_output
from fairpoll.evidence.reading.tables import Slice, Tables, events_query, output_query
from fairpoll.evidence.records import NOT_REPORTED, Array, Messages
from fairpoll.evidence.unreadable import Unreadable

# Added to an event: the latest time at which it can have happened, in milliseconds since the epoch.
OBSERVED_MS = "observed_ms"


class Gatherer:
    """Puts what one consumer delivered into columns."""

    def __init__(
        self,
        messages: Messages,
        numbering: Numbering,
        time: Time,
        run_id: str,
        tables: Tables,
        times: LineTimes,
    ) -> None:
        self.found = DeliveryColumns(messages)
        self._messages, self._numbering, self._time = messages, numbering, time
        self._run_id, self._tables = run_id, tables
        self.times = times
        self.unreadable = Unreadable()
        # For each member and partition, when an assignment was observed and when it happened (`assigned_at`).
        self.assigned: Mapping[tuple[str, Partition], Array] = {}
        # When the sinks lost their limits, in scenario seconds.
        self.drain = math.inf

    def output(self, path: Path, member: str, fields: Fields) -> None:
        """The records of one output file. Raises HistoryError.

        A value is known to be what was sent by the CRC-32 of its bytes. If that differs, the value is parsed
        and its checksum is compared.
        """
        topics = self._numbering.topics if fields.id else self._numbering.known
        observed = self.times.observed(path)
        query = output_query(topics, fields, self._run_id, observed=observed)
        with Lines(path, self._tables, query) as lines:
            for part in lines.slices():
                self._output(lines, part, fields, path, member)

    def _output(self, lines: Lines, part: Slice, fields: Fields, path: Path, member: str) -> None:
        known = self._ids if fields.id else {}
        observed = self.times.observed(path)
        count, columns, plain = len(part.plain), part.columns, part.plain
        checksum = filled(columns, "checksum", count, np.int64)
        delivered_ms = filled(columns, "delivered_ms", count, np.float64)
        record = np.full(count, -1)
        if columns:
            record = self._by_id(columns) if fields.id else self._rows(columns)
            plain = plain & (record >= 0)
            rows = np.flatnonzero(plain)
            sent, unknown = (
                self._messages.checksum[record[rows]].astype(np.int64),
                checksum[rows] == NOT_REPORTED,
            )
            plain[rows] = unknown | (checksum[rows] == self._messages.value_crc32[record[rows]])
            checksum[rows] = np.where(unknown, NOT_REPORTED, sent)
        readable = np.ones(count, bool)
        skipped = 0
        for row in np.flatnonzero(~plain).tolist():
            line = lines.readable(
                part.first + row,
                lambda e: check_output(e, fields, known, observed=observed),
                self.unreadable,
            )
            if line is None:
                readable[row], skipped = False, skipped + 1
                continue
            value = line.get("value")
            checksum[row] = NOT_REPORTED if value is None else content_of(value)
            delivered_ms[row] = line["delivered_ms"]
            record[row] = self.found.number(self._numbering.scenario_id(line))
            message = str(line.get("id") or (value.get("id", "") if isinstance(value, dict) else ""))
            if record[row] >= len(self._messages) and message:
                self.found.ids[self.found.count + row - skipped] = message
        if skipped:
            record, delivered_ms, checksum = (c[readable] for c in (record, delivered_ms, checksum))
        written = self.times.written(path, part.first + np.flatnonzero(readable), delivered_ms, record)
        self.found.extend(record, self._delivered_at(record, written, member), checksum, path.name, member)

    def _delivered_at(self, record: Array, written: Written, member: str) -> Array:
        """When these records were delivered, in scenario seconds.

        A record without a usable time counts as delivered as early as possible, but not before the assignment
        of its partition if that, too, happened before its line was observed. Of several such records, those
        before the last step back to a lower offset belong to the assignment before.
        """
        earliest: Array = self._time(written.at)
        if written.own_usable.all():
            return earliest
        at = earliest.copy()
        # Without limits, most records of an observation that spans the beginning of the drain come after it.
        at[~written.own_usable & (at < self.drain) & (self.drain <= self._time(written.until))] = self.drain
        rows = np.flatnonzero(~written.own_usable & (record < len(self._messages)))
        numbers = self._messages.partition_numbers(record[rows])
        for number in np.unique(numbers):
            moments = self.assigned.get((member, self._messages.partitions[number]), np.empty((0, 2)))
            mine = rows[numbers == number]
            until = self._time(written.until[mine])
            seen, happened = moments.T
            latest = np.append(happened, -np.inf)[np.searchsorted(seen, until, side="right") - 1]
            for end in np.unique(until[latest > at[mine]]):
                together = np.flatnonzero(until == end)
                # The record behind them may be the first one that comes again.
                next_too = mine[together[0] : together[-1] + 2]
                back = np.flatnonzero(np.diff(self._messages.offset[record[next_too]]) < 0)
                after = together[back[-1] + 1 :] if len(back) else together
                at[mine[after]] = np.maximum(at[mine[after]], latest[after])
        # The lines of a file keep their order, also those whose own time is usable.
        return np.where(at > earliest, np.minimum.accumulate(at[::-1])[::-1], at)

    @property
    def without_content(self) -> bool:
        """Whether there are records, and the content of none is known."""
        checksums = self.found.columns["checksum"].values
        return bool(len(checksums) and np.all(checksums == NOT_REPORTED))

    def behind_commits(self, commits: Sequence[Committed]) -> None:
        """Each acked message as delivered when an offset beyond it was first seen to be committed."""
        committed: dict[Partition, list[tuple[float, int, int]]] = defaultdict(list)
        for number, commit in enumerate(sorted(commits, key=lambda c: c.at)):
            committed[(commit.topic, commit.partition)].append((commit.at, number, commit.offset))
        parts = []
        for partition, rows in self._messages.by_partition.items():
            if partition not in committed:
                continue
            at, order, offset = (np.array(column) for column in zip(*committed[partition], strict=True))
            beyond = np.searchsorted(np.maximum.accumulate(offset), self._messages.offset[rows], side="right")
            there = np.flatnonzero(beyond < len(at))
            parts.append((order[beyond[there]], rows.start + there, at[beyond[there]]))
        if parts:
            order, record, at = (np.concatenate(columns) for columns in zip(*parts, strict=True))
            in_order = np.argsort(order, kind="stable")
            record = record[in_order]
            self.found.extend(record, at[in_order], self._messages.checksum[record], "", "")

    def _rows(self, columns: Mapping[str, Array]) -> Array:
        """The row of the acked message of each record, -1 for others."""
        place = self._numbering.numbers(columns, on_cluster=True)
        rows = np.full(len(place), -1, np.int64)
        known = place >= 0
        rows[known] = self._messages.find(place[known], columns["offset"][known].astype(np.int64))
        return rows

    def listed(self, columns: Mapping[str, Array], events: Sequence[tuple[int, Event]], member: str) -> None:
        """Records that events list. `columns`: line, topic, partition, offset and time (ms) of each.

        `events` are those that were read strictly, with their lines.
        """
        line, record, at = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        if columns:
            line, record, at = columns["line"], self._rows(columns), columns["timestamp"]
            for index in np.flatnonzero(record < 0):
                topic = self._numbering.known[columns["topic"][index]]
                where = {name: int(columns[name][index]) for name in ("partition", "offset")}
                record[index] = self.found.number(self._numbering.scenario_id({"topic": topic, **where}))
        listed = [
            (n, self._numbering.scenario_id(r), e["timestamp"]) for n, e in events for r in e["records"]
        ]
        if listed:
            lines, ids, times = zip(*listed, strict=True)
            line = np.concatenate((line, lines))
            record = np.concatenate((record, [self.found.number(one) for one in ids])).astype(np.int64)
            at = np.concatenate((at, times))
            in_order = np.argsort(line, kind="stable")
            record, at = record[in_order], at[in_order]
        if len(line):
            most = int(np.bincount(line.astype(np.int64)).max())
            self.unreadable.most_records = max(self.unreadable.most_records, most)
        self.found.extend(record, self._time(at), np.zeros(len(at), np.int64), "", member)

    @cached_property
    def _ids(self) -> dict[str, RecordId]:
        return {f"{self._run_id}:{m.topic}:{m.sequence}": m.record_id for m in self._messages}

    @cached_property
    def _by_sequence(self) -> list[tuple[Array, Array]]:
        """For each topic its sequences in order, and the rows of these."""
        found = []
        for topic in self._numbering.topics:
            spans = self._messages.of_topics([topic])
            rows = np.concatenate([np.empty(0, np.int64), *(np.arange(s.start, s.stop) for s in spans)])
            rows = rows[np.argsort(self._messages.sequence[rows], kind="stable")]
            found.append((self._messages.sequence[rows], rows))
        return found

    def _by_id(self, columns: Mapping[str, Array]) -> Array:
        """As `_rows`, for messages that are named by topic and sequence (in the column of offsets)."""
        record = np.full(len(columns["topic"]), -1, np.int64)
        for number, (sequences, rows) in enumerate(self._by_sequence):
            those = np.flatnonzero(columns["topic"] == number)
            wanted = columns["offset"][those]
            at = np.searchsorted(sequences, wanted, side="right") - 1
            there = (at >= 0) & (sequences[np.maximum(at, 0)] == wanted) if len(sequences) else at >= 0
            record[those[there]] = rows[at[there]]
        return record


# Events whose latest possible time counts if their own is not usable: what ends an assignment ends it late.
_ENDING = ("partitions_revoked", "shutdown_complete")
_LATE = (*_ENDING, "offsets_committed")


def read_member_events(
    path: Path, member: str, tables: Tables, numbering: Numbering, gatherer: Gatherer, *, with_records: bool
) -> tuple[list[Event], bool]:
    """A member's events except `records_consumed`, and whether there were any of these. Raises HistoryError.

    `with_records`: the gatherer takes the records that the latter list. An event that lists partitions
    besides records is returned, too. The gatherer notes the lines that cannot be read.
    """
    events: list[Event] = []
    reported = False
    ignored = is_log_line if gatherer.unreadable.log_on_stdout else _never
    with Lines(path, tables, events_query(with_records=with_records)) as lines:
        for part in lines.slices():
            plain, columns = part.plain, {}
            if with_records and lines.table:
                columns = lines.table.records(part.first, numbering.known)
                line, sound = columns["line"], columns.pop("plain") & (columns["topic"] >= 0)
                plain = plain.copy()
                plain[line[~sound]] = False
                columns = {name: column[plain[line]] for name, column in columns.items()}
            own = filled(part.columns, "timestamp", len(plain), np.float64)
            delivers, late, readable = plain.copy(), np.zeros(len(plain), bool), plain.copy()
            assigned, ends = late.copy(), late.copy()
            strictly: list[tuple[int, Event]] = []
            for row in np.flatnonzero(~plain).tolist():
                check = check_event if with_records else check_but_records
                event = lines.readable(part.first + row, check, gatherer.unreadable, ignored)
                if event is not None:
                    strictly.append((row, event))
                    own[row], readable[row] = event["timestamp"], True
                    delivers[row] = event["name"] == "records_consumed"
                    late[row] = event["name"] in _LATE
                    ends[row] = event["name"] in _ENDING
                    assigned[row] = event["name"] == "partitions_assigned"
            rows = np.flatnonzero(readable)
            times = gatherer.times.written(
                path, part.first + rows, own[rows], events=~delivers[rows], late=late[rows]
            )
            # Behind the records of the same observation that were delivered before.
            at = np.where(assigned[rows] & ~times.own_usable, times.at + BEHIND_MS, times.at)
            own[rows] = in_order_of_lines(at, delivers[rows], ends[rows])
            seen = own.copy()
            seen[rows] = np.where(times.own_usable, times.at, times.until)
            strictly = [
                (row, {**event, "timestamp": float(own[row]), OBSERVED_MS: float(seen[row])})
                for row, event in strictly
            ]
            consumed = [(row, event) for row, event in strictly if delivers[row]]
            events += [event for row, event in strictly if not delivers[row] or "partitions" in event]
            reported = reported or bool(delivers.any())
            if with_records:
                if columns:
                    columns["timestamp"] = own[columns["line"]]
                gatherer.listed(columns, consumed, member)
    return events, reported


def _never(_line: bytes) -> bool:
    return False


def content_of(value: object) -> int:
    """The checksum of a message's body by its meaning; for anything else, the CRC-32 of its text."""
    if isinstance(value, dict) and value:
        return checksum_of(value)
    return zlib.crc32(str(value).encode(errors="surrogatepass"))
