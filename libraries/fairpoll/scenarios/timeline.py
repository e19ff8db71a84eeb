"""The timeline of a scenario: what is done to the consumers while the traffic runs."""

from dataclasses import dataclass, replace

from fairpoll.contract.keys import key
from fairpoll.scenarios.units import ACTION, DURATION, Action


@dataclass(frozen=True)
class Step:
    """One entry of the timeline: an action on the consumers, and its time."""

    at_seconds: float = key("Time after the start of the live traffic, for example 3 s.", DURATION, name="at")
    action: Action = key(
        "join or leave (a second member), kill (SIGKILL), stop (SIGTERM) or start (the first member), "
        "sink 50 per second, sink unlimited.",
        ACTION,
        name="do",
    )

    def at_speed(self, speed: float) -> "Step":
        """The same step with its time divided by speed, and a rate multiplied by it."""
        rate = self.action.rate * speed if self.action.rate else None
        return Step(self.at_seconds / speed, replace(self.action, rate=rate))
