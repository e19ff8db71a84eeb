"""Measures how long the parts of a whole Robot run take."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

LIVE = "live traffic, the scenarios' own time"
AROUND = "topics, backlog, consumers, drain"
REST = "all else"


class Stopwatch:
    """Adds up the time of each part. Time in a nested part counts for the inner part only."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._spent: dict[str, float] = {}
        self._inside: list[float] = []

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Count the time of the block as this part."""
        began = time.monotonic()
        self._inside.append(0.0)
        try:
            yield
        finally:
            took = time.monotonic() - began
            own = took - self._inside.pop()
            self._spent[part] = self._spent.get(part, 0.0) + own
            if self._inside:
                self._inside[-1] += took

    def parts(self, recorded: str, live: Sequence[tuple[float, float]]) -> dict[str, float]:
        """Part -> seconds, the whole last. Live traffic is taken out of the part `recorded`.

        `live` has the start and end of each recording's live traffic in milliseconds; where recordings
        overlap, time counts once.
        """
        spent = dict(self._spent)
        around = spent.pop(recorded, 0.0)
        own = _covered(live) / 1000
        whole = time.monotonic() - self._began
        rest = whole - around - sum(spent.values())
        return {LIVE: own, AROUND: max(around - own, 0.0), **spent, REST: max(rest, 0.0), "whole": whole}


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """The length of the union of the spans."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
