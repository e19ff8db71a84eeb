"""Reads what a consumer under test writes to a database, by a query that is repeated."""

import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fairpoll.base.clock import now_ms
from fairpoll.base.errors import ConsumerError
from fairpoll.base.text import quoted
from fairpoll.contract.source import SQL_PASSWORD
from fairpoll.sinks.seen import Seen

# The least time from one query to the next; a slow one leaves the database ten times as long to others.
INTERVAL_SECONDS = 0.1
REST = 10.0
# A database that does not answer is given up after this many failures in a row.
MOST_FAILURES = 20
TIME = "time"


class SqlSink:
    """Repeats a query for all rows, and takes those that were not there before.

    A row has the time in its column `time` if that lies between the query that did not have the row and the
    one that had it; else the nearer of these two. Two rows are the same if all of their columns but `time`
    are; they are counted. Raises ConsumerError without SQLAlchemy, the database's driver, or the columns.
    """

    def __init__(self, url: str, query: str, seen: Seen) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConsumerError("EVIDENCE=sql needs SQLAlchemy: pip install 'fairpoll[sql]'") from None
        self._seen = seen
        self._error = sqlalchemy.exc.SQLAlchemyError
        self._query = sqlalchemy.text(query)
        try:
            address = sqlalchemy.engine.make_url(url)
            if password := os.environ.get(SQL_PASSWORD):
                address = address.set(password=password)
            self._engine = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT")
        except (self._error, ImportError) as error:
            raise ConsumerError(f"EVIDENCE=sql: the database cannot be used: {_first_line(error)}") from None
        self._known: Counter[tuple[Any, ...]] = Counter()
        # The names of the query's columns.
        self.columns: list[str] = []
        self._asked_ms = now_ms()
        # What was there before the run is not of this run, and need not be read again.
        self._take(before=True)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Repeat the query until `stopped`, and once more after that."""
        failures, last = 0, False
        while not last:
            last = stopped()
            begun = time.monotonic()
            try:
                self._take()
                failures = 0
            except ConsumerError:
                failures += 1
                if failures >= MOST_FAILURES or last:
                    raise
            took = time.monotonic() - begun
            time.sleep(0 if last else max(INTERVAL_SECONDS - took, took * REST))
        self._engine.dispose()

    def _take(self, *, before: bool = False) -> None:
        """The rows that are new since the last query."""
        asked_ms, since = now_ms(), self._asked_ms
        try:
            with self._engine.connect() as connection:
                found = connection.execute(self._query)
                names = self.columns = list(found.keys())
                rows = found.all()
        except self._error as error:
            raise ConsumerError(f"EVIDENCE=sql: the query failed: {_first_line(error)}") from None
        answered_ms = now_ms()
        missing = [path for path in self._seen.named_by if path.split(".")[0] not in names]
        if missing:
            raise ConsumerError(
                f"QUERY: its columns are {', '.join(map(quoted, names))}, without {quoted(missing[0])}; name "
                "one id, or three topic, partition and offset"
            )
        counts: Counter[tuple[Any, ...]] = Counter()
        for row in rows:
            key = tuple(value for name, value in zip(names, row, strict=True) if name != TIME)
            counts[key] += 1
            if counts[key] > self._known[key]:
                self._known[key] += 1
                record = dict(zip(names, row, strict=True))
                stamp = _milliseconds(record.pop(TIME, None))
                at_ms = since if stamp is None else min(max(stamp, since), answered_ms)
                if not before:
                    self._seen.add(record, at_ms)
        self._asked_ms = asked_ms


def _milliseconds(moment: object) -> float | None:
    """A time of a database: a date with time (UTC without a zone), its ISO 8601 text, or a number.

    A number is in seconds since the epoch if it is too small for milliseconds.
    """
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise ConsumerError(f"QUERY: the column time has no time: {quoted(moment)}") from None
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
    if moment is None:
        return None
    number = float(moment)  # type: ignore[arg-type]
    return number * 1000 if number < 1e11 else number


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
