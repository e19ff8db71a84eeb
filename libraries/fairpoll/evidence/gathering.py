"""The three kinds of files that grow with the traffic, gathered into columns: ledger, outputs, events."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairpoll.base.errors import HistoryError
from fairpoll.contract.events import Event
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.contract.records import Partition, checksum_of
from fairpoll.evidence.blocks import Block
from fairpoll.evidence.bulk import (
    Batch,
    Reader,
    content_checksums,
    in_file_order,
    message_spelling,
    output_spelling,
)
from fairpoll.evidence.deliveries import Found
from fairpoll.evidence.history import Committed
from fairpoll.evidence.records import MESSAGE_COLUMNS, NOT_TOLD, Array, Column, Messages, Spot
from fairpoll.evidence.strict import check_ledger, check_output

# Scenario seconds of milliseconds since the epoch: of one such time, or of a column of them.
Time = Callable[[Any], Any]
_TIMES = {"intended": "intended_ms", "sent": "sent_ms", "acked": "timestamp"}


class Places:
    """The numbers of the scenario's partitions, by topic and partition. `names`: cluster's -> scenario's."""

    def __init__(self, partitions: Mapping[str, int], names: Mapping[str, str]) -> None:
        self.partitions: list[Partition] = [(t, p) for t, count in partitions.items() for p in range(count)]
        self.names = names
        self._spans: dict[str, tuple[int, int]] = {}
        first = 0
        for topic, count in partitions.items():
            self._spans[topic] = (first, count)
            first += count

    def numbers(self, topics: Sequence[str], columns: Mapping[str, Array]) -> Array:
        """The number of each line's partition, -1 for one that the scenario does not have.

        `topics` are the names that the numbers in the column of topics stand for.
        """
        spans = np.array([self._spans.get(self.names.get(name, name), (0, 0)) for name in topics])
        first, count = spans.reshape(-1, 2)[columns["topic"]].T
        partition = columns["partition"]
        return np.where((partition >= 0) & (partition < count), first + partition, -1)


def gather_ledger(
    path: Path, run_id: str, partitions: Mapping[str, int], time: Time
) -> tuple[Messages, frozenset[str]]:
    """The acked messages, and the ids of those whose sending failed. Raises HistoryError.

    A message that was sent again after its leader had moved is acked without its offset. An idempotent
    producer keeps a partition's order and leaves nothing out, so it stands between its neighbours.
    """
    places = Places(partitions, {})

    def accepts(_block: Block, _rows: Array, columns: dict[str, Array]) -> Array:
        columns["place"] = places.numbers(reader.names.known, columns)
        return columns["place"] >= 0

    reader = Reader(path, lambda event: check_ledger(event, run_id, partitions), message_spelling, accepts)
    columns = {name: Column(kind) for name, kind in MESSAGE_COLUMNS.items()}
    place = Column(np.int32)
    failed: set[str] = set()
    without_offset: list[int] = []
    for lines in reader:
        parts = [_spelled_messages(batch) for batch in lines.batches]
        acked = [(row, event) for row, event in lines.events if event["name"] == "producer_send_success"]
        failed |= {
            f"{run_id}:{event['topic']}:{event['sequence']}"
            for _, event in lines.events
            if event["name"] == "producer_send_error"
        }
        if acked:
            parts.append(_messages(acked, places))
        if not parts:
            continue
        part = in_file_order(parts)
        without_offset += (len(place.values) + np.flatnonzero(part["offset_unknown"])).tolist()
        place.extend(part["place"])
        for name, column in columns.items():
            column.extend(time(part[_TIMES[name]]) if name in _TIMES else part[name])
    if without_offset:
        _fill_offsets(path, places.partitions, place.values, columns, without_offset)
    return Messages(places.partitions, place.values, columns), frozenset(failed)


def _spelled_messages(batch: Batch) -> dict[str, Array]:
    columns = batch.columns
    poison = bool(batch.sample.get("poison", False))
    return {
        **{name: column for name, column in columns.items() if name not in ("topic", "partition", "batch")},
        "row": batch.rows,
        "backlog": columns["batch"] < 0,
        "poison": np.full(len(batch.rows), poison),
        "offset_unknown": np.zeros(len(batch.rows), bool),
    }


def _messages(acked: Sequence[tuple[int, Event]], places: Places) -> dict[str, Array]:
    events = [event for _, event in acked]
    numbers = {partition: number for number, partition in enumerate(places.partitions)}
    return {
        "row": np.array([row for row, _ in acked]),
        "place": np.array([numbers[(event["topic"], event["partition"])] for event in events]),
        "offset": np.array([event["offset"] or 0 for event in events], np.int64),
        "offset_unknown": np.array([event["offset"] is None for event in events]),
        "backlog": np.array([event["batch"] < 0 for event in events]),
        "poison": np.array([bool(event.get("poison", False)) for event in events]),
        **{name: np.array([event[name] for event in events], np.int64) for name in ("sequence", "checksum")},
        **{name: np.array([event[name] for event in events], np.float64) for name in _TIMES.values()},
    }


def _fill_offsets(
    path: Path,
    partitions: Sequence[Partition],
    place: Array,
    columns: dict[str, Column],
    without: Sequence[int],
) -> None:
    """Give every message its offset. Raises HistoryError where its neighbours leave no room for it."""
    offset = columns["offset"].values.astype(np.int64)
    unknown = np.zeros(len(offset), bool)
    unknown[without] = True
    for number in np.unique(place[without]):
        rows = np.flatnonzero(place == number)
        known = np.flatnonzero(~unknown[rows])
        told = offset[rows]
        for index in np.flatnonzero(unknown[rows]):
            after = np.searchsorted(known, index)
            neighbours = known[max(after - 1, 0) : after + 1] if after else known[:1]
            found = {int(told[at] + index - at) for at in neighbours}
            if len(found) != 1:
                topic, partition = partitions[number]
                sequence = columns["sequence"].values[rows[index]]
                where = f"{topic}/{partition}"
                raise HistoryError(f"{path}: the offset of message {sequence} of {where} cannot be told")
            (offset[rows[index]],) = found
    columns["offset"] = Column(np.int32)
    columns["offset"].extend(offset)


class Gatherer:
    """Puts what a consumer delivered into columns."""

    def __init__(self, messages: Messages, places: Places, time: Time) -> None:
        self.found = Found(messages)
        self._messages, self._places, self._time = messages, places, time

    def output(self, path: Path, member: str, fields: Fields, ids: Mapping[str, Spot]) -> None:
        """The records of one output file. `ids`: where a message stands that is told by its id alone.

        What a file holds of a message is known to be what was sent by its bytes, if they have the checksum
        of the ledger; else it is read for what it means. Raises HistoryError.
        """

        def accepts(block: Block, _rows: Array, columns: dict[str, Array]) -> Array:
            columns["record"] = self._rows(reader.names.known, columns)
            columns["checksum"] = content_checksums(block, columns["value_start"], columns["value_end"])
            acked = columns["record"] >= 0
            acked[acked] = self._messages.checksum[columns["record"][acked]] == columns["checksum"][acked]
            return acked

        ours = fields == OUR_FIELDS
        reader = Reader(
            path,
            lambda line: check_output(line, fields, ids),
            output_spelling if ours else lambda _line, _event: None,
            accepts,
        )
        for lines in reader:
            parts = [
                {
                    "row": batch.rows,
                    "record": batch.columns["record"],
                    "at": self._time(batch.columns["delivered_ms"]),
                    "checksum": batch.columns["checksum"],
                }
                for batch in lines.batches
            ]
            told = []
            for row, line in lines.events:
                value = line.get("value")
                body = value if isinstance(value, dict) else {}
                checksum = content_of(value) if ours or "value" in line else NOT_TOLD
                told.append(
                    (row, line, line["delivered_ms"], checksum, str(line.get("id") or body.get("id", "")))
                )
            self._extend(parts, told, path.name, member)

    def events(
        self,
        batches: Sequence[Batch],
        topics: Sequence[str],
        told: Sequence[tuple[int, Event]],
        member: str,
    ) -> None:
        """The records of one block that a consumer's events say were delivered."""
        parts = []
        for batch in batches:
            columns = batch.columns
            record = self._rows(topics, columns)
            for index in np.flatnonzero(record < 0):
                topic = topics[columns["topic"][index]]
                spot = (int(columns["partition"][index]), int(columns["offset"][index]))
                record[index] = self.found.number((self._places.names.get(topic, topic), *spot))
            at = self._time(columns["timestamp"])
            parts.append(
                {"row": columns["row"], "record": record, "at": at, "checksum": np.zeros(len(at), np.int64)}
            )
        flat = [(row, spot, event["timestamp"], 0, "") for row, event in told for spot in event["records"]]
        self._extend(parts, flat, "", member)

    @property
    def untold(self) -> bool:
        """Whether of any record it is not told what it holds."""
        return bool(np.any(self.found.columns["checksum"].values == NOT_TOLD))

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
            parts.append({"row": order[beyond[there]], "record": rows.start + there, "at": at[beyond[there]]})
        if parts:
            part = in_file_order(parts)
            checksum = self._messages.checksum[part["record"]]
            self.found.extend(part["record"], part["at"], checksum, "", "")

    def _rows(self, topics: Sequence[str], columns: Mapping[str, Array]) -> Array:
        """The rows of the acked messages that these lines are of, -1 for others."""
        place = self._places.numbers(topics, columns)
        rows = np.full(len(place), -1, np.int64)
        known = place >= 0
        rows[known] = self._messages.find(place[known], columns["offset"][known])
        return rows

    def _spot(self, line: Mapping[str, Any]) -> Spot:
        topic = line["topic"]
        return (self._places.names.get(topic, topic), line["partition"], line["offset"])

    def _extend(
        self,
        parts: list[dict[str, Array]],
        told: Sequence[tuple[int, Mapping[str, Any], float, int, str]],
        output: str,
        member: str,
    ) -> None:
        """Add what stands in columns and what was told one by one, as (row, spot, ms, checksum, id)."""
        ids: dict[int, str] = {}
        if told:
            names = self._places.names
            records = [
                self.found.number(
                    (names.get(spot["topic"], spot["topic"]), spot["partition"], spot["offset"])
                )
                for _, spot, _, _, _ in told
            ]
            known = len(self._messages)
            ids = {
                n: one[4]
                for n, (one, record) in enumerate(zip(told, records, strict=True))
                if record >= known
            }
            parts = [
                *parts,
                {
                    "row": np.array([row for row, _, _, _, _ in told]),
                    "record": np.array(records),
                    "at": self._time(np.array([ms for _, _, ms, _, _ in told], np.float64)),
                    "checksum": np.array([checksum for _, _, _, checksum, _ in told], np.int64),
                },
            ]
        if not parts:
            return
        before = self.found.count
        for part in parts:
            part["told"] = np.full(len(part["row"]), -1)
        if told:
            parts[-1]["told"] = np.arange(len(told))
        part = in_file_order(parts)
        for index in np.flatnonzero(part["told"] >= 0) if ids else ():
            if text := ids.get(int(part["told"][index])):
                self.found.ids[before + int(index)] = text
        self.found.extend(part["record"], part["at"], part["checksum"], output, member)


def content_of(value: object) -> int:
    """Of a message's body as it was written; of anything else, of its text."""
    if isinstance(value, dict) and value:
        return checksum_of(value)
    return zlib.crc32(str(value).encode(errors="surrogatepass"))
