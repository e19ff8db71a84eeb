"""The rate of a sink, kept on an absolute schedule; the harness may change it."""

import threading
from collections.abc import Mapping

from fairpoll.base.clock import now_seconds

# A sink makes up for this much lost time: a delay of the machine, but not a consumer that leaves it idle.
CATCH_UP_SECONDS = 0.25


class Pace:
    """A record occupies the sink for 1/rate seconds, on an absolute schedule: a late wakeup costs no rate."""

    def __init__(self, rate: float | None, topic_rates: Mapping[str, float] | None = None) -> None:
        """`rate` is in records per second, None for no limit; `topic_rates` replace it for their topics."""
        self.rate = rate
        self._topic_rates = dict(topic_rates or {})
        self._free_at = 0.0
        self._rate_changed = threading.Event()

    @property
    def limited(self) -> bool:
        """Whether there is any limit now."""
        return bool(self.rate or self._topic_rates)

    def set_rate(self, rate: float | None) -> None:
        """Change the rate, from any thread, with effect on a waiting thread. None removes all limits."""
        self.rate = rate
        if rate is None:
            self._topic_rates.clear()
        self._rate_changed.set()

    @property
    def seconds_to_turn(self) -> float:
        """Seconds until the sink can take a record; 0 or less if it can now."""
        return self._free_at - now_seconds() if self.limited else 0.0

    def wait_turn(self, stop: threading.Event) -> bool:
        """Wait until the sink can take a record. Return False if `stop` is set before."""
        while not stop.is_set():
            wait = self.seconds_to_turn
            if wait <= 0:
                return True
            # A change of rate ends the wait; `stop` is checked after each short step.
            self._rate_changed.wait(min(wait, 0.1))
            self._rate_changed.clear()
        return False

    def occupy(self, topic: str) -> None:
        """Count a record of this topic as taken by the sink."""
        rate = self._topic_rates.get(topic, self.rate)
        if rate:
            self._free_at = max(self._free_at, now_seconds() - CATCH_UP_SECONDS) + 1 / rate
