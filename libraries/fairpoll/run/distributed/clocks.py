"""How far the clock of a process is off the one that all of a run's times are told in, and how surely.

That clock is the broker's: it stamps a record between the moment at which we sent it and the moment at
which we had the answer (Cristian's algorithm). Each such round bounds the offset from both sides, and all
of them together bound it best (Marzullo's).
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

# On a quiet network the first few are as good as any; a busy one needs some to find a quick one.
ROUNDS = 16
# The broker's stamp is in whole milliseconds, cut off.
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
    """The offset by this many questions: each gives (asked ms, the broker's stamp ms, answered ms)."""
    found: ClockOffset | None = None
    for _ in range(rounds):
        asked, stamp, answered = ask()
        one = _between(asked - stamp - STAMP_MS, answered - stamp)
        found = one if found is None else _met(found, one)
    if found is None:
        raise ValueError("an offset is measured in one round at least")
    return found


def over_a_run(measured: Iterable[ClockOffset]) -> ClockOffset:
    """One offset for a whole run, measured at its beginning and at its end: no less sure than each of them.

    Where the clock drifted between, or was set, the error is as large as that.
    """
    found = list(measured)
    return _between(min(_low(one) for one in found), max(_high(one) for one in found))


def _met(one: ClockOffset, other: ClockOffset) -> ClockOffset:
    """What both allow; where they contradict one another (a clock was set meanwhile), what either does."""
    low, high = max(_low(one), _low(other)), min(_high(one), _high(other))
    return _between(low, high) if low <= high else over_a_run((one, other))


def _between(low: float, high: float) -> ClockOffset:
    return ClockOffset(round((low + high) / 2, 3), round((high - low) / 2, 3))


def _low(one: ClockOffset) -> float:
    return one.offset_ms - one.error_ms


def _high(one: ClockOffset) -> float:
    return one.offset_ms + one.error_ms
