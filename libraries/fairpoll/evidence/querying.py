"""A recording as SQL tables, for questions that no criterion asks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from fairpoll.base.errors import FairpollError
from fairpoll.evidence.deliveries import Deliveries
from fairpoll.evidence.history import ConsumerHistory, Recording
from fairpoll.evidence.records import NOT_REPORTED, Array, Messages

# Table -> column -> its meaning. Times are scenario seconds from the start of the live traffic.
TABLES: Mapping[str, Mapping[str, str]] = {
    "messages": {
        "topic": "the scenario's topic",
        "partition": "number of the partition",
        "offset": "offset in the partition; SQL needs it in quotes",
        "sequence": "number of the message in its topic, from 0",
        "intended": "when the plan was to send it; negative in the backlog",
        "sent": "when it was sent",
        "acked": "when the broker acked it",
        "backlog": "whether it was sent before the live traffic",
        "poison": "whether it is not JSON on purpose",
        "checksum": "CRC-32 of its body",
    },
    "deliveries": {
        "consumer": "name of the consumer",
        "member": "empty for the first member of the group, else member-2",
        "topic": "the scenario's topic",
        "partition": "number of the partition",
        "offset": "offset in the partition; SQL needs it in quotes",
        "delivered": "when it was delivered",
        "waited": "seconds from the intended time to this delivery; NULL if nobody sent it",
        "intact": "whether it holds what was sent; NULL if unknown",
        "output": "name of the output file",
    },
    "events": {
        "consumer": "name of the consumer",
        "member": "as in deliveries",
        "time": "when it was reported",
        "name": "name of the event",
        "event": "the event as JSON",
    },
    "commits": {
        "consumer": "name of the consumer",
        "time": "when it was reported or seen",
        "topic": "the scenario's topic",
        "partition": "number of the partition",
        "offset": "the committed offset",
    },
}


@dataclass(frozen=True)
class Answer:
    """The columns and rows that a query gives."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


def query(recording: Recording, sql: str) -> Answer:
    """Answer one SQL query about this recording, from the tables in TABLES.

    The query sees a copy in memory; files and the network are out of its reach. Raises FairpollError.
    """
    with duckdb.connect(":memory:") as connection:
        _create(connection, "messages", [_messages(recording.acked)])
        histories = recording.consumers.values()
        _create(connection, "deliveries", [_deliveries(history) for history in histories])
        _create(connection, "events", [_events(history) for history in histories])
        _create(connection, "commits", [_commits(history) for history in histories])
        connection.execute(
            "SET python_enable_replacements = false; SET enable_external_access = false; "
            "SET lock_configuration = true"
        )
        try:
            result = connection.execute(sql)
            return Answer([column[0] for column in result.description or ()], result.fetchall())
        except duckdb.Error as error:
            raise FairpollError(f"the query: {error}") from None


def _create(
    connection: duckdb.DuckDBPyConnection, table: str, parts: Sequence[dict[str, tuple[str, Array]]]
) -> None:
    columns = ", ".join(f'"{name}"' for name in TABLES[table])
    for number, part in enumerate(parts):
        values = {name: array for name, (_, array) in part.items()}
        kinds = ", ".join(f'"{name}" {kind}' for name, (kind, _) in part.items())
        if number == 0:
            connection.execute(f"CREATE TABLE {table} ({kinds})")
        if len(next(iter(values.values()))):
            connection.register("part", values)
            connection.execute(f"INSERT INTO {table} SELECT {columns} FROM part")
            connection.unregister("part")


def _texts(values: Sequence[str]) -> Array:
    texts = np.empty(len(values), object)
    texts[:] = values
    return texts


def _messages(messages: Messages) -> dict[str, tuple[str, Array]]:
    place = messages.partition_numbers(np.arange(len(messages)))
    topics = _texts([topic for topic, _ in messages.partitions])
    partitions = np.array([number for _, number in messages.partitions], np.int32)
    return {
        "topic": ("VARCHAR", topics[place]),
        "partition": ("INTEGER", partitions[place]),
        "offset": ("BIGINT", messages.offset),
        "sequence": ("BIGINT", messages.sequence),
        **{name: ("DOUBLE", getattr(messages, name)) for name in ("intended", "sent", "acked")},
        "backlog": ("BOOLEAN", messages.backlog),
        "poison": ("BOOLEAN", messages.poison),
        "checksum": ("UINTEGER", messages.checksum),
    }


def _deliveries(history: ConsumerHistory) -> dict[str, tuple[str, Array]]:
    delivered: Deliveries = history.delivered
    messages, count = delivered.messages, len(delivered)
    topics = np.empty(count, object)
    partition = np.zeros(count, np.int32)
    for (topic, number), rows in delivered.by_partition():
        topics[rows], partition[rows] = topic, number
    rows = np.arange(count)
    sent = delivered.record < len(messages)
    record = np.where(sent, delivered.record, 0)
    waited, intact = np.full(count, np.nan), np.full(count, -1, np.int8)
    if len(messages):
        waited = np.where(sent, delivered.at - messages.intended[record], np.nan)
        known = sent & (delivered.checksum != NOT_REPORTED) & ("contents" in history.evidence)
        intact = np.where(known, delivered.checksum == messages.checksum[record], -1).astype(np.int8)
    outputs = _texts([""] * count)
    for name in delivered.outputs:
        outputs[delivered.in_output(rows, name)] = name
    members = _texts([""] * count)
    for name in delivered.members:
        members[delivered.by_member(rows, name)] = name
    return {
        "consumer": ("VARCHAR", _texts([history.name] * count)),
        "member": ("VARCHAR", members),
        "topic": ("VARCHAR", topics),
        "partition": ("INTEGER", partition),
        "offset": ("BIGINT", delivered.offsets(rows)),
        "delivered": ("DOUBLE", delivered.at),
        "waited": ("DOUBLE", waited),
        "intact": ("BOOLEAN", np.ma.array(intact == 1, mask=intact < 0)),
        "output": ("VARCHAR", outputs),
    }


def _events(history: ConsumerHistory) -> dict[str, tuple[str, Array]]:
    events = history.events
    return {
        "consumer": ("VARCHAR", _texts([history.name] * len(events))),
        "member": ("VARCHAR", _texts([event.get("member", "") for event in events])),
        "time": ("DOUBLE", np.array([event["at"] for event in events], np.float64)),
        "name": ("VARCHAR", _texts([event["name"] for event in events])),
        "event": ("JSON", _texts([json.dumps(event) for event in events])),
    }


def _commits(history: ConsumerHistory) -> dict[str, tuple[str, Array]]:
    commits = history.commits
    return {
        "consumer": ("VARCHAR", _texts([history.name] * len(commits))),
        "time": ("DOUBLE", np.array([commit.at for commit in commits], np.float64)),
        "topic": ("VARCHAR", _texts([commit.topic for commit in commits])),
        "partition": ("INTEGER", np.array([commit.partition for commit in commits], np.int64)),
        "offset": ("BIGINT", np.array([commit.offset for commit in commits], np.int64)),
    }
