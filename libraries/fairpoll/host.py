"""How much this machine itself stood in the way: the longest time it did not let us run.

A thread asks to be woken every few milliseconds; by how much it wakes too late is time in which
consumers and producers may have stood still as well (the idea of Gil Tene's jHiccup).
"""

import os
import threading
import time
from types import TracebackType

TICK_SECONDS = 0.02


class HostMonitor:
    """Use as a context; `figures` gives the longest pause in seconds and the load average."""

    def __init__(self) -> None:
        self._longest_pause = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="host-monitor", daemon=True)

    def __enter__(self) -> "HostMonitor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def figures(self) -> dict[str, float]:
        return {
            "longest_pause_seconds": round(self._longest_pause, 3),
            "load_average": round(os.getloadavg()[0], 2),
            "cpus": os.cpu_count() or 0,
        }

    def _measure(self) -> None:
        before = time.monotonic()
        while not self._stop.wait(TICK_SECONDS):
            now = time.monotonic()
            self._longest_pause = max(self._longest_pause, now - before - TICK_SECONDS)
            before = now
