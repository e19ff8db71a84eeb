"""The few units people write in scenario files and tables: durations, rates, shares.

Inside the package every duration is a float of seconds and every share a fraction of 1.
"""

import re
from dataclasses import dataclass

_SECONDS = {"ms": 0.001, "s": 1.0, "second": 1.0, "seconds": 1.0, "minute": 60.0, "minutes": 60.0}
_NUMBER = r"\d+(?:\.\d+)?"
_DURATION = re.compile(rf"({_NUMBER})\s*(ms|s|seconds?|minutes?)")
_TRAFFIC = re.compile(rf"(\d+)\s+every\s+({_NUMBER}\s*(?:ms|s|seconds?|minutes?))")
_RATE = re.compile(rf"({_NUMBER})\s+per\s+second")
_SHARE = re.compile(rf"({_NUMBER})\s*%")


def parse_duration(text: str) -> float:
    """`500 ms`, `3 s`, `2 minutes` as seconds. Raises ValueError, which says what is allowed."""
    match = _DURATION.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"'{text}' is not a duration; write for example 500 ms, 3 s or 2 minutes")
    return float(match[1]) * _SECONDS[match[2]]


def parse_rate(text: str) -> float:
    """`10 per second` as records per second. Raises ValueError."""
    match = _RATE.fullmatch(str(text).strip())
    if not match or float(match[1]) == 0:
        raise ValueError(f"'{text}' is not a rate; write for example 10 per second")
    return float(match[1])


def parse_share(text: str) -> float:
    """`1 %` as the fraction 0.01. A bare number is refused: 1 could mean all or a hundredth."""
    match = _SHARE.fullmatch(str(text).strip())
    if not match or float(match[1]) > 100:
        raise ValueError(f"'{text}' is not a share; write it with a percent sign, for example 1%")
    return float(match[1]) / 100


@dataclass(frozen=True)
class Action:
    """One thing done to the consumers: a `verb` of VERBS; `sink` has a rate, None for no limit."""

    verb: str
    rate: float | None = None

    VERBS = ("join", "leave", "kill", "stop", "start", "sink")

    @classmethod
    def parse(cls, text: str) -> "Action":
        """`join`, `leave`, `kill`, `stop`, `start`, `sink 50 per second`, `sink unlimited`.

        Raises ValueError.
        """
        verb, _, rest = str(text).strip().partition(" ")
        if verb == "sink" and rest:
            return cls(verb, None if rest == "unlimited" else parse_rate(rest))
        if verb in cls.VERBS and verb != "sink" and not rest:
            return cls(verb)
        raise ValueError(
            f"'{text}' is not an action; one of: join, leave, kill, stop, start, sink 50 per second, "
            "sink unlimited"
        )


@dataclass(frozen=True)
class Bursts:
    """Traffic of one topic: `messages` at once, every `interval_seconds`."""

    messages: int
    interval_seconds: float

    @classmethod
    def parse(cls, text: str) -> "Bursts":
        """`20 every 500 ms`. Raises ValueError."""
        match = _TRAFFIC.fullmatch(str(text).strip())
        if not match:
            raise ValueError(f"'{text}' is not traffic; write for example 20 every 500 ms")
        bursts = cls(int(match[1]), parse_duration(match[2]))
        if bursts.messages == 0 or bursts.interval_seconds == 0:
            raise ValueError(f"'{text}': both the number of messages and the interval must be above 0")
        return bursts
