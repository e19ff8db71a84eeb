"""The clock of all evidence: milliseconds since the epoch, with a fraction.

The system clock is read once and carried forward by the monotonic clock, so that setting the clock during a
run does not reorder the events of a process. For several machines see `run.distributed.clocks`.
"""

import time

_OFFSET_SECONDS = time.time() - time.monotonic()


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
