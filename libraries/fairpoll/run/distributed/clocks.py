"""The offset of a process's clock from the broker's, in which all times of a run are recorded, and its error.

The broker stamps a record between our sending it and our receiving the ack (Cristian's algorithm). Each
round bounds the offset from both sides; the intersection of all bounds is the result (Marzullo's).
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

# On a quiet network the first rounds suffice; on a busy one, some are needed to get a quick answer.
ROUNDS = 16
# The broker's timestamps are truncated to whole milliseconds.
STAMP_MS = 1.0


@dataclass(frozen=True)
class ClockOffset:
    """Our clock shows `offset_ms` more than the broker's, `error_ms` more or less."""

    offset_ms: float
    error_ms: float

    def to_json(self) -> dict[str, float]:
        """Plain data for run.json."""
        return asdict(self)


def measure(ask: Callable[[], tuple[float, float, float]], rounds: int = ROUNDS) -> ClockOffset:
    """The offset from this many calls of `ask`, each (asked ms, the broker's timestamp ms, answered ms)."""
    found: ClockOffset | None = None
    for _ in range(rounds):
        asked, stamp, answered = ask()
        one = _between(asked - stamp - STAMP_MS, answered - stamp)
        found = one if found is None else _met(found, one)
    if found is None:
        raise ValueError("an offset is measured in one round at least")
    return found


def over_a_run(measured: Iterable[ClockOffset]) -> ClockOffset:
    """One offset for a whole run, measured at its start and end, whose error covers all measurements.

    If the clock drifted or was set in between, the error includes that.
    """
    found = list(measured)
    return _between(min(_low(one) for one in found), max(_high(one) for one in found))


def _met(one: ClockOffset, other: ClockOffset) -> ClockOffset:
    """The intersection of both; if it is empty, since a clock was set meanwhile, the union."""
    low, high = max(_low(one), _low(other)), min(_high(one), _high(other))
    return _between(low, high) if low <= high else over_a_run((one, other))


def _between(low: float, high: float) -> ClockOffset:
    return ClockOffset(round((low + high) / 2, 3), round((high - low) / 2, 3))


def _low(one: ClockOffset) -> float:
    return one.offset_ms - one.error_ms


def _high(one: ClockOffset) -> float:
    return one.offset_ms + one.error_ms
