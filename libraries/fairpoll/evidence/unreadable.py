"""The lines that a consumer wrote and nobody can read: facts of the recording, which void only themselves."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fairpoll.base.command_line import masked
from fairpoll.base.errors import HistoryError
from fairpoll.base.text import quoted
from fairpoll.contract.events import LOG_HINT
from fairpoll.evidence import layout

# Lines kept of the events, and of the output files: a log has millions, so that the others are only counted.
MOST_KEPT = 100
# Bytes of a line that are decoded for its excerpt.
EXCERPT_BYTES = 400


@dataclass(frozen=True)
class UnreadableLine:
    """A line of `path`, counted from 1, with the reason why it cannot be read and the line's beginning."""

    path: Path
    number: int
    reason: str
    excerpt: str

    def __str__(self) -> str:
        """`line 17 of low_vol.json is not JSON: 'INFO started'`."""
        why = " is not JSON" if self.reason.startswith("not JSON") else f": {self.reason}"
        member = f"{layout.SECOND_MEMBER}/" if self.path.parent.name == layout.SECOND_MEMBER else ""
        return f"line {self.number:,} of {member}{self.path.name}{why}: {self.excerpt}"

    @property
    def error(self) -> HistoryError:
        """The error for a consumer of which no line can be read."""
        is_log = self.path.name == layout.EVENTS and self.reason.startswith("not JSON")
        hint = f" ({LOG_HINT})" if is_log else ""
        return HistoryError(f"{self.path}: line {self.number}: {self.reason}{hint}")


@dataclass
class Unreadable:
    """The unreadable lines of one consumer: the number in each file (by its name), and the first lines.

    `most_records` is the largest number of records in one of its events; an unreadable one may list as many.
    With `log_on_stdout` only broken events count among the lines of its standard output.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: list[UnreadableLine] = field(default_factory=list)
    most_records: int = 1
    log_on_stdout: bool = False

    def __len__(self) -> int:
        return self.counts.total()

    @property
    def events(self) -> int:
        """The number of these lines among the events."""
        return self.counts[layout.EVENTS]

    @property
    def outputs(self) -> int:
        """The number of these lines in the output files and dead letters."""
        return len(self) - self.events

    def count(self, path: Path) -> bool:
        """Count a line of this file. Returns whether it is one of the first, which are kept."""
        self.counts[path.name] += 1
        return (self.events if path.name == layout.EVENTS else self.outputs) <= MOST_KEPT

    def keep(self, path: Path, number: int, reason: str, line: bytes) -> None:
        """Keep a line that was counted."""
        excerpt = quoted(masked(line[:EXCERPT_BYTES].decode("utf-8", "replace")))
        self.first.append(UnreadableLine(path, number, reason, excerpt))
