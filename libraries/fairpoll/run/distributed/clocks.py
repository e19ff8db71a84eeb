"""The offset of a process's clock from the broker's, the clock of a run, and its error.

The broker stamps a record after it is sent and before its ack is received (Cristian's algorithm). Each round
bounds the offset from both sides; the intersection of all bounds is the result (Marzullo's).
"""

from collections.abc import Callable, Iterable

from fairpoll.evidence.facts import ClockOffset

# On a busy network only some of the rounds get a quick answer.
ROUNDS = 16
# The broker's timestamps are truncated to whole milliseconds.
STAMP_MS = 1.0


def measure(ask: Callable[[], tuple[float, float, float]], rounds: int = ROUNDS) -> ClockOffset:
    """The offset from this many calls of `ask`, each (asked ms, the broker's timestamp ms, answered ms)."""
    measured: ClockOffset | None = None
    for _ in range(rounds):
        asked, stamp, answered = ask()
        offset = _between(asked - stamp - STAMP_MS, answered - stamp)
        measured = offset if measured is None else _met(measured, offset)
    if measured is None:
        raise ValueError("an offset is measured in one round at least")
    return measured


def over_a_run(measured: Iterable[ClockOffset]) -> ClockOffset:
    """One offset for a whole run, measured at its start and end, whose error covers all measurements.

    If the clock drifted or was set in between, the error includes that.
    """
    offsets = list(measured)
    return _between(min(map(_low, offsets)), max(map(_high, offsets)))


def _met(one: ClockOffset, other: ClockOffset) -> ClockOffset:
    """The intersection of both, or the union if a clock was set meanwhile and the intersection is empty."""
    low, high = max(_low(one), _low(other)), min(_high(one), _high(other))
    return _between(low, high) if low <= high else over_a_run((one, other))


def _between(low: float, high: float) -> ClockOffset:
    return ClockOffset(round((low + high) / 2, 3), round((high - low) / 2, 3))


def _low(one: ClockOffset) -> float:
    return one.offset_ms - one.error_ms


def _high(one: ClockOffset) -> float:
    return one.offset_ms + one.error_ms
