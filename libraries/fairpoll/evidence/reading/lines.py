"""The lines of one file: columns of those that DuckDB reads, and one by one the few that it does not."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np

from fairpoll.base.errors import HistoryError
from fairpoll.contract.events import TAIL_BYTES, Event, is_cut_off, parse_event
from fairpoll.evidence.reading.tables import SLICE_LINES, Query, Slice, Table, Tables
from fairpoll.evidence.records import Array
from fairpoll.evidence.unreadable import Unreadable


class Lines:
    """The whole lines of a file. Blank lines do not count, as in DuckDB, nor does a cut-off last line."""

    def __init__(self, path: Path, tables: Tables, query: Query | None) -> None:
        """Loads what DuckDB can read, with a query. Raises HistoryError if the file cannot be read."""
        self._path = path
        self._stack = contextlib.ExitStack()
        try:
            self._file = self._stack.enter_context(path.open("rb"))
        except OSError as error:
            raise HistoryError(f"{path}: cannot be read: {error.strerror}") from None
        # No Python code runs for the lines that are skipped: there may be millions.
        self._forward = itertools.filterfalse(bytes.isspace, self._file)
        self._next = 0
        self.table: Table | None = None
        if query:
            self.table = tables.load(path, query, partial_lines=int(_has_partial_line(path)))

    def __enter__(self) -> "Lines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
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
        try:
            return check(parse_event(self._line(index)))
        except ValueError as error:
            raise HistoryError(f"{self._path}: line {self._number(index)}: {error}") from None

    def readable(
        self,
        index: int,
        check: Callable[[Event], Event],
        unreadable: Unreadable,
        ignored: Callable[[bytes], bool] = lambda _line: False,
    ) -> Event | None:
        """As `event`; None for a line that cannot be read, added to `unreadable` unless `ignored`."""
        line = self._line(index)
        if ignored(line):
            return None
        try:
            return check(parse_event(line))
        except ValueError as error:
            if unreadable.count(self._path):
                unreadable.keep(self._path, self._number(index), str(error), line)
            return None

    def _line(self, index: int) -> bytes:
        line = next(itertools.islice(self._forward, index - self._next, None))
        self._next = index + 1
        return line

    def _number(self, index: int) -> int:
        """The number, from 1, of the line with this index. No lower index may follow."""
        return next(number for number, counted in self._numbers if counted == index)

    @cached_property
    def _numbers(self) -> Iterator[tuple[int, int]]:
        """The number and the index of each line, in a pass over the file of its own."""
        file = self._stack.enter_context(self._path.open("rb"))
        numbers = (number for number, line in enumerate(file, 1) if not line.isspace())
        return ((number, index) for index, number in enumerate(numbers))


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
