"""One clock for all evidence: milliseconds since the epoch, with a fraction.

If producer, consumers and judge run on one machine, the system clock orders their events; `clocks` is for
several machines. It is read once and then carried forward by the monotonic
clock, so that setting the clock back during a run does not reorder the events of a process.
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
    """Sleep to an absolute moment, so that delays do not add up; returns at once when it is past."""
    delay = epoch_seconds - now_seconds()
    if delay > 0:
        time.sleep(delay)
