"""Loads the large files of a recording with DuckDB: the ledger, output files and events.

DuckDB returns each field as its JSON text, so that a number differs from a quoted one. A line is
*plain* if all its fields have the expected types; the strict reader (`lines.py`) decides on every other line.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import numpy as np
from isal.isal_zlib import crc32

from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.evidence.records import NOT_REPORTED, Array

# A smaller file is read strictly, line by line: that takes less time than to start DuckDB.
SMALL_BYTES = 1 << 19
SLICE_LINES = 1 << 19
MEMORY_LIMIT = "200MiB"
# Other ISO 8601 times are rare enough to be read by Python.
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.]\d{1,6})?(Z|[+-]\d\d:\d\d)?"
_LARGEST_FLOAT = 1e18  # as in base/typed.py
Columns = dict[str, Array]


@dataclass(frozen=True)
class Query:
    """How lines become rows: the JSON fields to read, with their types, and the SQL for each column.

    `plain` is the SQL condition under which these columns are the line's meaning. The column `topic` is the
    index of the topic's text among `names`.
    """

    fields: Mapping[str, str]
    names: Sequence[str]
    selected: Mapping[str, str]
    plain: str


@dataclass(frozen=True)
class Slice:
    """Some consecutive lines of a file: the index of the first, and columns with a value for each.

    Where `plain` is false, the other columns have no meaning.
    """

    first: int
    plain: Array
    columns: Columns


def _is_whole(field: str, kind: str) -> str:
    """SQL that is true for an integer; quoted numbers cannot be cast, fractions are rounded."""
    return f"try_cast({field} AS {kind}) IS NOT NULL AND NOT contains({field}, '.')"


def _is_time(value: str) -> str:
    return f"abs({value}) < {_LARGEST_FLOAT}"


def _whole(field: str, kind: str) -> str:
    return f"coalesce(try_cast({field} AS {kind}), 0)"


def _time(field: str) -> str:
    return f"try_cast({field} AS DOUBLE)"


# The JSON text of a field or of a path.
def _text(name: str) -> str:
    return f'"{name}"::VARCHAR'


_WHOLE = {"partition": "INTEGER", "offset": "BIGINT"}
_LEDGER_WHOLE = {**_WHOLE, "sequence": "BIGINT", "batch": "BIGINT", "checksum": "BIGINT"}
_LEDGER_TIMES = {"intended": "intended_ms", "sent": "sent_ms", "acked": "timestamp"}


def ledger_query(topics: Sequence[str]) -> Query:
    """The messages that were acked with an offset; `topics` are the scenario's."""
    fields = ("name", "run_id", "topic", *_LEDGER_WHOLE, *_LEDGER_TIMES.values(), "poison", "value_crc32")
    whole = {name: _whole(_text(name), kind) for name, kind in _LEDGER_WHOLE.items() if name != "batch"}
    times = {name: _time(_text(field)) for name, field in _LEDGER_TIMES.items()}
    poison = _text("poison")
    return Query(
        dict.fromkeys(fields, "JSON"),
        topics,
        {
            "topic": _text("topic"),
            **whole,
            "value_crc32": f"coalesce(try_cast({_text('value_crc32')} AS BIGINT), {NOT_REPORTED})",
            "backlog": f"coalesce(try_cast({_text('batch')} AS BIGINT) < 0, false)",
            **times,
            "poison": f"coalesce({poison} = 'true', false)",
        },
        " AND ".join(
            [
                f"{_text('name')} = '\"producer_send_success\"' AND run_id IS NULL",
                *(_is_whole(_text(name), kind) for name, kind in _LEDGER_WHOLE.items()),
                f"({_text('value_crc32')} IS NULL OR {_is_whole(_text('value_crc32'), 'BIGINT')})",
                *(_is_time(_time(_text(field))) for field in _LEDGER_TIMES.values()),
                f"coalesce({poison} IN ('true', 'false'), true)",
            ]
        ),
    )


def output_query(topics: Sequence[str], fields: Fields, run_id: str, *, observed: bool = False) -> Query:
    """The records of an output file. `checksum` is the CRC-32 of the value's text, -1 without a value.

    In an `observed` file the time of delivery may be missing: it is NaN. With `fields.id`, `topic` and
    `offset` are the topic and the sequence that the id names.
    """
    ours = fields == OUR_FIELDS
    at = _path(fields.delivered)
    delivered = _time(at)
    if not ours:
        iso = f"({at})[2:-2]"
        # As Python's datetime computes it, to the last bit.
        seconds = f"epoch_us(try_cast({iso} AS TIMESTAMPTZ)) / 1e6 * 1000"
        delivered = f"coalesce({delivered}, CASE WHEN regexp_full_match({iso}, '{_ISO}') THEN {seconds} END)"
    value = _path(fields.value)
    body = value if ours else _unquoted(value)
    whole, names = {name: _path(getattr(fields, name)) for name in _WHOLE}, topics
    topic = _path(fields.topic)
    conditions = [_is_whole(whole[name], kind) for name, kind in _WHOLE.items()]
    if fields.id:
        message = _path(fields.id)
        sequence = f"split_part(({message})[2:-2], ':', -1)"
        topic = f"({message})[:-(length({sequence}) + 3)] || '\"'"
        whole, names = {"offset": sequence}, [f"{run_id}:{name}" for name in topics]
        conditions = [_is_whole(sequence, "BIGINT")]
    conditions.append(_is_time(delivered))
    if observed:
        conditions[-1] = f"({at} IS NULL OR {conditions[-1]})"
        delivered = f"CASE WHEN {at} IS NULL THEN 'NaN'::DOUBLE ELSE {delivered} END"
    # Several paths may share a first key; it is read once.
    paths = [getattr(fields, name) for name in ("topic", "partition", "offset", "delivered", "value", "id")]
    return Query(
        dict.fromkeys((path.split(".")[0] for path in paths if path), "JSON"),
        names,
        {
            "topic": topic,
            **{name: _whole(text, _WHOLE[name]) for name, text in whole.items()},
            "delivered_ms": delivered,
            "checksum": f"coalesce(crc32(encode({body}))::BIGINT, -1)",
        },
        " AND ".join(conditions),
    )


def _crc32(value: bytes) -> int:
    return crc32(value)


def events_query(*, with_records: bool) -> Query:
    """The events `records_consumed`; the records that they list are read by `Table.records`.

    Without `with_records`, the records are not checked.
    """
    listed = 'STRUCT(topic JSON, partition JSON, "offset" JSON, buffered JSON)[]'
    at = _time(_text("timestamp"))
    return Query(
        {"timestamp": "JSON", "name": "JSON", "partitions": "JSON", "offsets": "JSON"}
        | ({"records": listed} if with_records else {}),
        (),
        {"timestamp": at},
        f"{_text('name')} = '\"records_consumed\"' AND {_is_time(at)} "
        f"AND partitions IS NULL AND offsets IS NULL{' AND records IS NOT NULL' if with_records else ''}",
    )


def _path(path: str) -> str:
    """SQL for the JSON text at this path; NULL if there is none. Text on the way is read as JSON."""
    if not path:
        return "NULL::VARCHAR"
    first, *names = path.split(".")
    text = f"{_identifier(first)}::VARCHAR"
    for name in names:
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        text = f"TRY(json_extract(({_unquoted(text)})::JSON, {_literal(pointer)}))::VARCHAR"
    return text


def _unquoted(text: str) -> str:
    """SQL for the text that a JSON string stands for; any other JSON as it is."""
    return f"CASE WHEN starts_with({text}, '\"') THEN ({text})::JSON ->> '$' ELSE {text} END"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Tables:
    """A DuckDB database in a temporary folder, made when first needed and removed on exit."""

    def __init__(self) -> None:
        self._tables = 0
        self._stack = contextlib.ExitStack()

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fairpoll-")))
        settings = {"memory_limit": MEMORY_LIMIT, "temp_directory": str(folder / "spill")}
        connection = duckdb.connect(str(folder / "tables.duckdb"), config={**settings})
        self._stack.callback(connection.close)
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        connection.create_function("crc32", _crc32, ["BLOB"], "UINTEGER")
        return connection

    def __enter__(self) -> "Tables":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def load(self, path: Path, query: Query, partial_lines: int) -> "Table | None":
        """The lines of this file but for `partial_lines` at its end, which a killed process has left.

        None if the file has to be read strictly, because it is small or DuckDB refuses it.
        """
        if path.stat().st_size < SMALL_BYTES:
            return None
        self._tables += 1
        name = f"lines{self._tables}"
        try:
            return self._load(name, path, query, partial_lines)
        except duckdb.Error:
            with contextlib.suppress(duckdb.Error):
                self._connection.execute(f"DROP TABLE IF EXISTS {name}")
            return None

    def _load(self, name: str, path: Path, query: Query, partial_lines: int) -> "Table":
        selected = dict(query.selected)
        if "topic" in selected:
            selected["topic"] = self._index(name, query.names, selected["topic"])
        columns = ", ".join(f"{_identifier(field)}: '{kind}'" for field, kind in query.fields.items())
        sql = [f'{text} AS "{column}"' for column, text in selected.items()]
        sql += ["records"] if "records" in query.fields else []
        escaped = "".join(
            f"[{c}]" if c in "*?[" else c for c in str(path)
        )  # DuckDB takes a path for a pattern
        options = "format = 'newline_delimited', ignore_errors = true, compression = 'none'"
        self._connection.execute(
            f"CREATE TEMP TABLE {name} AS SELECT {', '.join(sql)}, coalesce({query.plain}, false) AS plain "
            f"FROM read_json({_literal(escaped)}, {options}, columns = {{{columns}}})"
        )
        count = self.fetch(f"SELECT count(*) AS n FROM {name}")["n"][0]
        return Table(self, name, int(count) - partial_lines, tuple(selected))

    def _index(self, name: str, names: Sequence[str], topic: str) -> str:
        """SQL for the index of a topic among these names, -1 for another."""
        # JSON escapes none of these characters. No JSON text begins with an exclamation mark.
        simple = re.compile(r"[A-Za-z0-9._:-]+")
        labels = [f'"{one}"' if simple.fullmatch(one) else f"!{index}" for index, one in enumerate(names)]
        values = ", ".join(map(_literal, labels))
        self._connection.execute(f"CREATE TYPE {name}_topics AS ENUM ({values})")
        return f"coalesce(enum_code(try_cast({topic} AS {name}_topics))::INTEGER, -1)"

    def fetch(self, sql: str) -> Columns:
        """The columns that a query gives."""
        fetched: dict[str, Any] = self._connection.execute(sql).fetchnumpy()
        return {name: np.ma.getdata(column) for name, column in fetched.items()}

    def drop(self, name: str) -> None:
        """Drop a table that is not needed any more."""
        self._connection.execute(f"DROP TABLE {name}")


@dataclass(frozen=True)
class Table:
    """The whole lines of one file, a row for each."""

    tables: Tables
    name: str
    count: int
    columns: tuple[str, ...]

    def slices(self, *columns: str) -> Iterator[Slice]:
        """These columns (default: all) in slices of at most SLICE_LINES lines."""
        chosen = ", ".join(f'"{column}"' for column in columns or self.columns)
        for first in range(0, self.count, SLICE_LINES):
            fetched = self.tables.fetch(f"SELECT {chosen}, plain FROM {self._rows(first)}")
            yield Slice(first, fetched.pop("plain"), fetched)

    def records(self, first: int, topics: Sequence[str]) -> Columns:
        """The records listed in the lines of the slice that begins at `first`, and whether each is plain."""
        index = self.tables._index(f"{self.name}_{first}", topics, "r.topic::VARCHAR")
        texts = {name: f'r."{name}"::VARCHAR' for name in _WHOLE}
        whole = ", ".join(f'{_whole(texts[name], kind)} AS "{name}"' for name, kind in _WHOLE.items())
        plain = " AND ".join(_is_whole(texts[name], kind) for name, kind in _WHOLE.items())
        return self.tables.fetch(
            f"SELECT line, {index} AS topic, {whole}, "
            f"coalesce({plain} AND r.buffered IS NULL, false) AS plain "
            f"FROM (SELECT rowid - {first} AS line, unnest(records) AS r FROM {self._rows(first)})"
        )

    def _rows(self, first: int) -> str:
        return f"{self.name} WHERE rowid >= {first} AND rowid < {min(first + SLICE_LINES, self.count)}"

    def drop(self) -> None:
        """Free what the table takes."""
        self.tables.drop(self.name)
