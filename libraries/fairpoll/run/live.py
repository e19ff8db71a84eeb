"""A table on the terminal during a run: deliveries, lag and waits of each consumer and topic."""

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fairpoll.base import clock
from fairpoll.base.text import plain
from fairpoll.contract.events import Event, Tail
from fairpoll.evidence import layout
from fairpoll.run.experiment import Experiment
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.run.progress import TERMINAL_SECONDS

# More rows do not fit on many terminals: those with the longest waits are shown.
MOST_ROWS = 14
COLUMNS = ("topic", "mode", "produced", "delivered", "lag", "oldest wait")


@dataclass(frozen=True)
class LiveRow:
    """One topic of one consumer. `lag` counts acked messages that its group has not committed."""

    topic: str
    consumer: str
    produced: int
    delivered: int
    lag: int
    oldest_wait_seconds: float

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        numbers = (f"{self.produced:,}", f"{self.delivered:,}", f"{self.lag:,}")
        return (plain(self.topic), plain(self.consumer), *numbers, f"{self.oldest_wait_seconds:,.1f} s")


class LiveCounts:
    """Follows the ledger of a run beside its counter of deliveries."""

    def __init__(self, ledger: Path, outputs: DeliveryCounter, speed: float) -> None:
        self._ledger = Tail(ledger)
        self._outputs = outputs
        self._speed = speed
        self._produced: dict[str, int] = {}
        # (consumer, topic) -> a heap of waiting messages, oldest first: (ack in ms, number, message).
        self._waiting: dict[tuple[str, str], list[tuple[float, int, Event]]] = {}

    def rows(self, now_ms: float) -> list[LiveRow]:
        """A row for each topic and consumer; waits in scenario seconds, as the judge counts them."""
        by_topic = self._outputs.by_topic()
        # Read after the deliveries, so that every delivered message is known to have been produced.
        for message in self._ledger.read():
            if message.get("name") == "producer_send_success":
                self._add(message, list(by_topic))
        return [
            self._row(topic, consumer, counts.get(topic, 0), now_ms)
            for topic in self._produced
            for consumer, counts in by_topic.items()
        ]

    def _add(self, message: Event, consumers: Sequence[str]) -> None:
        topic = message["topic"]
        number = self._produced[topic] = self._produced.get(topic, 0) + 1
        # Poison is never delivered, and a message without an offset cannot be found among the deliveries.
        if message.get("poison") or message.get("offset") is None:
            return
        for consumer in consumers:
            waiting = self._waiting.setdefault((consumer, topic), [])
            # As the judge counts: from the ack on.
            since = max(message["intended_ms"], message["timestamp"])
            heapq.heappush(waiting, (since, number, message))

    def _row(self, topic: str, consumer: str, delivered: int, now_ms: float) -> LiveRow:
        waiting = self._waiting.get((consumer, topic), [])
        while waiting and self._outputs.has(consumer, waiting[0][2]):
            heapq.heappop(waiting)
        oldest = max(now_ms - waiting[0][0], 0.0) / 1000 * self._speed if waiting else 0.0
        produced = self._produced[topic]
        lag = max(produced - self._outputs.committed(consumer, topic), 0)
        return LiveRow(topic, consumer, produced, delivered, lag, oldest)


def table(rows: Sequence[LiveRow], caption: str) -> Table:
    """The rows under their headings, with the run's progress line below."""
    shown = rows
    if len(rows) > MOST_ROWS:
        longest = sorted(rows, key=lambda row: row.oldest_wait_seconds, reverse=True)[:MOST_ROWS]
        shown = [row for row in rows if row in longest]
        caption = f"{caption}; {len(rows) - MOST_ROWS} rows that have waited less are not shown"
    drawn = Table(caption=Text(caption), caption_justify="left")
    for number, name in enumerate(COLUMNS):
        drawn.add_column(name, justify="left" if number < 2 else "right")
    for row in shown:
        drawn.add_row(*map(Text, row.cells))  # as Text: a name in brackets is not markup
    return drawn


class LiveProgress:
    """Replaces ConsoleProgress on a terminal: the table is redrawn in place, and cleared at the end."""

    def __init__(self, experiment: Experiment, terminal: TextIO) -> None:
        self._experiment = experiment
        self._live = Live(
            console=Console(file=terminal),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._counts: LiveCounts | None = None
        self._shown_at = 0.0
        terminal.write("\r\x1b[K")  # Robot may have started a line with a test's name, and writes it again
        self._live.start()
        self._live.console.show_cursor(True)  # so that a killed Robot does not leave it hidden

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now - self._shown_at < TERMINAL_SECONDS:
            return
        self._shown_at = now
        run = self._experiment
        if self._counts is None and run.outputs is not None:
            self._counts = LiveCounts(run.folder / layout.LEDGER, run.outputs, run.speed)
        rows = self._counts.rows(clock.now_ms()) if self._counts else []
        state, _, _counts = text.partition(";")  # the table has the counts
        self._live.update(table(rows, state), refresh=True)

    def clear(self) -> None:
        self._live.stop()
