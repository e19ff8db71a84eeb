"""The few units people write in scenario files and tables: durations, rates, shares.

Inside the package every duration is a float of seconds and every share a fraction of 1. Values far out of
range are rejected too: numbers that overflow, and runs that would never end.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairpoll.base.text import quoted
from fairpoll.contract.keys import Value

_SECONDS = {"ms": 0.001, "s": 1.0, "second": 1.0, "seconds": 1.0, "minute": 60.0, "minutes": 60.0}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_DURATION = re.compile(rf"({_NUMBER})\s*(ms|s|seconds?|minutes?)")
_TRAFFIC = re.compile(rf"([0-9]+)\s+every\s+({_NUMBER}\s*(?:ms|s|seconds?|minutes?))")
_RATE = re.compile(rf"({_NUMBER})\s+per\s+second")
_SHARE = re.compile(rf"({_NUMBER})\s*%")

LONGEST_SECONDS = 86_400.0
SHORTEST_INTERVAL_SECONDS = 0.001
SLOWEST_RATE, FASTEST_RATE = 0.001, 1_000_000.0
LARGEST_BURST = 1_000_000


def parse_duration(text: str) -> float:
    """`500 ms`, `3 s`, `2 minutes` as seconds. Raises ValueError with examples of what is allowed."""
    match = _DURATION.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"{quoted(text)} is not a duration; write for example 500 ms, 3 s or 2 minutes")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > LONGEST_SECONDS:
        raise ValueError(f"{quoted(text)} is too long; at most 1440 minutes")
    return seconds


def parse_rate(text: str) -> float:
    """`10 per second` as records per second. Raises ValueError."""
    match = _RATE.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"{quoted(text)} is not a rate; write for example 10 per second")
    rate = float(match[1])
    if not SLOWEST_RATE <= rate <= FASTEST_RATE:
        raise ValueError(
            f"{quoted(text)} is out of range; from {SLOWEST_RATE:g} to {FASTEST_RATE:,.0f} per second"
        )
    return rate


def parse_records(text: str) -> int:
    """`1000` as a number of records. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,12}", str(text).strip()):
        raise ValueError(f"{quoted(text)} is not a number of records; write for example 1000")
    return int(text)


def parse_mebibytes(text: str) -> float:
    """`32` as a number of MiB. Raises ValueError."""
    if not re.fullmatch(_NUMBER, str(text).strip()):
        raise ValueError(f"{quoted(text)} is not a number of MiB; write for example 32")
    return float(text)


def parse_share(text: str) -> float:
    """`1 %` as the fraction 0.01. A bare number is rejected: 1 could be all or a hundredth."""
    match = _SHARE.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"{quoted(text)} is not a share; write it with a percent sign, for example 1%")
    if float(match[1]) > 100:
        raise ValueError(f"{quoted(text)} is not a share of a whole; write from 0% to 100%")
    return float(match[1]) / 100


@dataclass(frozen=True)
class Action:
    """An action on the consumers: a `verb` of VERBS; `sink` has a rate (records/s; None: no limit)."""

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
            f"{quoted(text)} is not an action; one of: join, leave, kill, stop, start, sink 50 per second, "
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
            raise ValueError(f"{quoted(text)} is not traffic; write for example 20 every 500 ms")
        messages, interval = float(match[1]), parse_duration(match[2])
        if messages == 0 or interval == 0:
            raise ValueError(f"{quoted(text)}: both the number of messages and the interval must be above 0")
        if messages > LARGEST_BURST or interval < SHORTEST_INTERVAL_SECONDS:
            raise ValueError(f"{quoted(text)}: at most {LARGEST_BURST:,} messages, and at least 1 ms between")
        return cls(int(messages), interval)


def _in_units(format_name: str, parse: Callable[[str], Any]) -> Value:
    return Value({"type": "string", "format": format_name}, parse)


DURATION = _in_units("duration-text", parse_duration)
RATE = _in_units("rate-text", parse_rate)
TRAFFIC = _in_units("traffic-text", Bursts.parse)
ACTION = _in_units("action-text", Action.parse)
# Values whose text is checked by their own function, which raises ValueError.
IN_UNITS = (DURATION, RATE, TRAFFIC, ACTION)
