"""The types of keyword arguments, and their conversion from the cells of a table."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from robot.utils import timestr_to_secs

from fairpoll.base.text import quoted
from fairpoll.checkers import CRITERIA
from fairpoll.keywords.suite_scenarios import SCENARIOS
from fairpoll.scenarios.units import parse_share

NO_CRITERION = "-"
# Digits, optionally with thousands separators; 1,5 is rejected.
RECORDS = re.compile(r"[0-9]{1,12}|[0-9]{1,3}(?:[ ,][0-9]{3}){1,3}")

WITHOUT_THRESHOLDS = [name for name, criterion in CRITERIA.items() if not criterion.thresholds]


@dataclass(frozen=True)
class Bound:
    """A number of records such as `1 000`, or `-` for no criterion."""

    records: int | None

    @classmethod
    def parse(cls, value: str) -> "Bound":
        """A number of records, such as `20` or `1 000`; `-` for no criterion."""
        text = str(value).strip()
        if text == NO_CRITERION:
            return cls(None)
        if not RECORDS.fullmatch(text):
            raise ValueError(
                f"{quoted(value)} is not a number of records; write 20, 1 000, or - for no criterion"
            )
        return cls(int(text.replace(" ", "").replace(",", "")))


@dataclass(frozen=True)
class Share:
    """A share such as `1%`, or `-` for no criterion."""

    fraction: float | None

    @classmethod
    def parse(cls, value: str) -> "Share":
        """A share with a percent sign, such as `1%`; `-` for no criterion."""
        return cls(None if str(value).strip() == NO_CRITERION else parse_share(value))


@dataclass(frozen=True)
class Duration:
    """A time such as `5 seconds`."""

    seconds: float

    @classmethod
    def parse(cls, value: str) -> "Duration":
        """A time above 0, as Robot writes times: `5 seconds`, `500 ms`, `2 minutes`."""
        try:
            seconds = float(timestr_to_secs(value))
        except (ValueError, OverflowError):
            seconds = math.nan
        if not 0 < seconds < math.inf:
            raise ValueError(f"{quoted(value)} is not a time above 0; write for example 5 seconds")
        return cls(seconds)


@dataclass(frozen=True)
class Topics:
    """Topics of the scenario: `high` or `low`, all of that volume, or the name of one."""

    named: str

    @classmethod
    def parse(cls, value: str) -> "Topics":
        """`high`, `low`, or the name of a topic that the suite's scenario has."""
        SCENARIOS.check_topic(value, "high", "low")
        return cls(value)


@dataclass(frozen=True)
class Topic:
    """One topic of the scenario, by its name there."""

    name: str

    @classmethod
    def parse(cls, value: str) -> "Topic":
        """The name of a topic that the suite's scenario has."""
        SCENARIOS.check_topic(value)
        return cls(value)


@dataclass(frozen=True)
class Criterion:
    """A criterion that has no thresholds, such as `nothing_lost`."""

    name: str

    @classmethod
    def parse(cls, value: str) -> "Criterion":
        """Its name in verdict.json."""
        if value not in WITHOUT_THRESHOLDS:
            known = ", ".join(WITHOUT_THRESHOLDS)
            raise ValueError(f"{quoted(value)} is not a criterion without thresholds; one of: {known}")
        return cls(value)


@dataclass(frozen=True)
class Amount:
    """A number above 0, such as `4` or `1.5`."""

    number: float

    @classmethod
    def parse(cls, value: str) -> "Amount":
        """A number above 0, such as `4` or `1.5`."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise ValueError(f"{quoted(value)} is not a number above 0; write for example 4")
        return cls(number)


@dataclass(frozen=True)
class Percentile:
    """A percentile such as `99`."""

    percent: int

    @classmethod
    def parse(cls, value: str) -> "Percentile":
        """A whole number from 1 to 100, such as `99`."""
        if not re.fullmatch(r"[1-9][0-9]?|100", str(value).strip()):
            raise ValueError(f"{quoted(value)} is not a percentile; write a whole number from 1 to 100")
        return cls(int(value))


# Spelled as Robot declares it.
CONVERTERS: dict[type, Callable[[Any], Any] | Callable[[Any, Any], Any]] = {
    kind: kind.parse for kind in (Bound, Share, Duration, Topics, Topic, Criterion, Amount, Percentile)
}
