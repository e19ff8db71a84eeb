"""The times that a consumer states in its lines, held against the observation of its files."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fairpoll.evidence.records import Array, Column

# Lines outside the observation that are kept, to find out what their times may be instead.
MOST_KEPT = 100_000


class Example(NamedTuple):
    """The line that is furthest from its observation. Times in milliseconds since the epoch."""

    file: str
    number: int
    own_ms: float
    since_ms: float
    until_ms: float


@dataclass
class Stamps:
    """`observed` of the consumer's lines have a time of their own and were observed when they appeared.

    `early` of them state an earlier time than they can have been written, `late` one after they had appeared;
    `worst_ms` is the largest distance. Of these lines, `own`, `since` and `until` (milliseconds since the
    epoch) are kept, and `record`, the number of the record delivered, -1 for other events.

    `unit_ms`: all times of deliveries that were not observed are multiples of it (1000, 100 or 10); else 0.
    """

    observed: int = 0
    early: int = 0
    late: int = 0
    worst_ms: float = 0.0
    unit_ms: int = 0
    example: Example | None = None
    _kept: dict[str, Column] = field(
        compare=False,
        default_factory=lambda: {
            **{name: Column(np.float64) for name in ("own", "since", "until")},
            "record": Column(np.int64),
        },
    )

    @property
    def outside(self) -> int:
        """The number of lines whose time contradicts the observation."""
        return self.early + self.late

    def kept(self, name: str) -> Array:
        """A column of the lines outside, at most MOST_KEPT."""
        return self._kept[name].values

    def keep(self, own: Array, since: Array, until: Array, record: Array) -> None:
        """Keep lines outside the observation."""
        room = max(MOST_KEPT - len(self.kept("own")), 0)
        for name, values in (("own", own), ("since", since), ("until", until), ("record", record)):
            self._kept[name].extend(values[:room])
