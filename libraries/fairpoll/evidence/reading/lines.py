"""The lines of one file: columns of those that DuckDB reads, and one by one the few that it does not."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from fairpoll.base.errors import HistoryError
from fairpoll.contract.events import TAIL_BYTES, Event, is_cut_off, parse_event
from fairpoll.evidence.reading.tables import SLICE_LINES, Query, Slice, Table, Tables
from fairpoll.evidence.records import Array


class Lines:
    """The whole lines of a file. Blank lines do not count, as in DuckDB, nor does a cut-off last line."""

    def __init__(self, path: Path, tables: Tables, query: Query) -> None:
        """Loads what DuckDB can read. Raises HistoryError if the file cannot be read."""
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise HistoryError(f"{path}: cannot be read: {error.strerror}") from None
        # No Python code runs for the lines that are skipped: there may be millions.
        self._forward = itertools.filterfalse(bytes.isspace, self._file)
        self._next = 0
        self.table: Table | None = tables.load(path, query, partial_lines=int(_has_partial_line(path)))

    def __enter__(self) -> "Lines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self.table:
            self.table.drop()

    def slices(self, *columns: str) -> Iterator[Slice]:
        """All lines, with these columns for the plain ones (default: all of the query's)."""
        if self.table:
            yield from self.table.slices(*columns)
            return
        with self._path.open("rb") as file:
            count = sum(1 for line in file if line.endswith(b"\n") and not line.isspace())
        for first in range(0, count, SLICE_LINES):
            yield Slice(first, np.zeros(min(SLICE_LINES, count - first), bool), {})

    def event(self, index: int, check: Callable[[Event], Event]) -> Event:
        """The result of `check` for the JSON object in one line. No lower index may follow.

        Raises HistoryError, which names the line, if it has no object or `check` raises ValueError.
        """
        line = next(itertools.islice(self._forward, index - self._next, None))
        self._next = index + 1
        try:
            return check(parse_event(self._path, 0, line))
        except (HistoryError, ValueError):
            number = self._number(index)
        try:
            return check(parse_event(self._path, number, line))
        except ValueError as error:
            raise HistoryError(f"{self._path}: line {number}: {error}") from None

    def _number(self, index: int) -> int:
        with self._path.open("rb") as file:
            numbers = (number for number, line in enumerate(file, 1) if not line.isspace())
            return next(itertools.islice(numbers, index, None))


def _has_partial_line(path: Path) -> bool:
    """Whether anything but white space follows the last newline."""
    if not is_cut_off(path):
        return False
    with path.open("rb") as file:
        file.seek(-min(file.seek(0, os.SEEK_END), TAIL_BYTES), os.SEEK_END)
        return not file.read().rpartition(b"\n")[2].isspace()


def filled(columns: Mapping[str, Array], name: str, count: int, kind: type[np.generic]) -> Array:
    """A column for strictly read values to be written into; zeros if DuckDB read none."""
    return columns[name].astype(kind) if name in columns else np.zeros(count, kind)
