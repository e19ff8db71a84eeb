"""The clock of all evidence: milliseconds since the epoch, with a fraction.

The system clock is read at the start and carried forward by the monotonic clock, so that setting the clock
during a run does not reorder the events of a process. For several machines see `run.distributed.clocks`.
"""

import math
import time

# The process may be preempted between the reads of the two clocks, hence several.
OFFSET_READS = 16


def measured_offset() -> float:
    """The system clock's lead over the monotonic clock, in seconds, by the shortest of several reads."""
    shortest, offset = math.inf, 0.0
    for _ in range(OFFSET_READS):
        before, system, after = time.monotonic(), time.time(), time.monotonic()
        if after - before < shortest:
            shortest, offset = after - before, system - (before + after) / 2
    return offset


_OFFSET_SECONDS = measured_offset()


def now_seconds() -> float:
    """Seconds since the epoch."""
    return time.monotonic() + _OFFSET_SECONDS


def now_ms() -> float:
    """Milliseconds since the epoch, to a thousandth."""
    return round(now_seconds() * 1000, 3)


def sleep_until(epoch_seconds: float) -> None:
    """Sleep until an absolute time, so that delays do not add up; return at once if it is past."""
    delay = epoch_seconds - now_seconds()
    if delay > 0:
        time.sleep(delay)
