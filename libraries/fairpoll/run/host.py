"""Measures scheduling pauses of the host, as Gil Tene's jHiccup does.

A thread sleeps for a few milliseconds at a time. When it wakes late, consumers, producers and brokers may
have been paused for as long: by an overloaded machine, a suspended virtual machine, or SIGSTOP.
"""

import os
import threading
import time

from fairpoll.base.background import Repeating
from fairpoll.base.clock import now_ms

TICK_SECONDS = 0.02
# Shorter pauses are not listed: they are within what time limits allow for.
SHORTEST_PAUSE_SECONDS = 0.2


class HostMonitor(Repeating):
    """Use as a context; `figures` gives the pauses so far, the longest one (s) and the load average."""

    def __init__(self, name: str = "host-monitor", interval_seconds: float = TICK_SECONDS) -> None:
        super().__init__(name, interval_seconds)
        self._lock = threading.Lock()
        self._before = time.monotonic()
        self._longest_pause = 0.0
        self._paused_seconds = 0.0
        self._pauses: list[dict[str, float]] = []

    def tick(self) -> None:
        self.measure()

    def measure(self) -> None:
        """Take the time since the last call for a pause, as far as it is longer than the interval."""
        with self._lock:
            now = time.monotonic()
            late = now - self._before - self._interval_seconds
            self._before = now
            self._longest_pause = max(self._longest_pause, late)
            if late >= SHORTEST_PAUSE_SECONDS:
                until = now_ms()
                self._paused_seconds += late
                self._pauses.append({"from_ms": round(until - late * 1000, 3), "until_ms": until})

    def awake_seconds(self) -> float:
        """A monotonic clock that stands still while the host is paused."""
        self.measure()
        return self._before - self._paused_seconds

    @property
    def pauses(self) -> int:
        """The number of pauses so far."""
        return len(self._pauses)

    def figures(self) -> dict[str, object]:
        """The facts `host` of run.json; `pauses` has those of at least SHORTEST_PAUSE_SECONDS."""
        self.measure()
        return {
            "longest_pause_seconds": round(self._longest_pause, 3),
            "pauses": list(self._pauses),
            "load_average": round(os.getloadavg()[0], 2),
            "cpus": os.cpu_count() or 0,
        }
