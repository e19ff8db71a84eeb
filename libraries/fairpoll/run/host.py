"""Measures scheduling pauses of the host, as Gil Tene's jHiccup does.

A thread sleeps for a few milliseconds at a time. When it wakes late, consumers and producers may have been
paused for as long.
"""

import os
import time

from fairpoll.base.background import Repeating

TICK_SECONDS = 0.02


class HostMonitor(Repeating):
    """Use as a context; `figures` gives the longest pause in seconds and the load average."""

    def __init__(self) -> None:
        super().__init__("host-monitor", TICK_SECONDS)
        self._longest_pause = 0.0
        self._before = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        self._longest_pause = max(self._longest_pause, now - self._before - TICK_SECONDS)
        self._before = now

    def figures(self) -> dict[str, float]:
        return {
            "longest_pause_seconds": round(self._longest_pause, 3),
            "load_average": round(os.getloadavg()[0], 2),
            "cpus": os.cpu_count() or 0,
        }
