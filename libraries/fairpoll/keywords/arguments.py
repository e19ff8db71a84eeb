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
class Cell:
    """An argument that is read from the text of a cell; the docstring of a subclass is shown to users.

    `value` is in seconds for a time, a fraction of 1 for a share, and None for `-`.
    """

    value: Any

    @classmethod
    def parse(cls, text: str) -> "Cell":
        return cls(cls.read(text))

    @staticmethod
    def read(text: str) -> Any:
        """The value of this text. Raises ValueError."""
        raise NotImplementedError


class Bound(Cell):
    """A number of records, such as `20` or `1 000`; `-` for no criterion."""

    @staticmethod
    def read(text: str) -> int | None:
        if (stripped := str(text).strip()) == NO_CRITERION:
            return None
        if not RECORDS.fullmatch(stripped):
            raise ValueError(
                f"{quoted(text)} is not a number of records; write 20, 1 000, or - for no criterion"
            )
        return int(stripped.replace(" ", "").replace(",", ""))


class Share(Cell):
    """A share with a percent sign, such as `1%`; `-` for no criterion."""

    @staticmethod
    def read(text: str) -> float | None:
        return None if str(text).strip() == NO_CRITERION else parse_share(text)


class Duration(Cell):
    """A time above 0, as Robot writes times: `5 seconds`, `500 ms`, `2 minutes`."""

    @staticmethod
    def read(text: str) -> float:
        return _above_0(timestr_to_secs, text, "a time above 0; write for example 5 seconds")


class Topics(Cell):
    """`high`, `low`, or the name of a topic that the suite's scenario has."""

    @staticmethod
    def read(text: str) -> str:
        SCENARIOS.check_topic(text, "high", "low")
        return text


class Topic(Cell):
    """The name of a topic that the suite's scenario has."""

    @staticmethod
    def read(text: str) -> str:
        SCENARIOS.check_topic(text)
        return text


class Criterion(Cell):
    """The name in verdict.json of a criterion without thresholds, such as `nothing_lost`."""

    @staticmethod
    def read(text: str) -> str:
        if text not in WITHOUT_THRESHOLDS:
            known = ", ".join(WITHOUT_THRESHOLDS)
            raise ValueError(f"{quoted(text)} is not a criterion without thresholds; one of: {known}")
        return text


class Amount(Cell):
    """A number above 0, such as `4` or `1.5`."""

    @staticmethod
    def read(text: str) -> float:
        return _above_0(float, text, "a number above 0; write for example 4")


class Percentile(Cell):
    """A whole number from 1 to 100, such as `99`."""

    @staticmethod
    def read(text: str) -> int:
        if not re.fullmatch(r"[1-9][0-9]?|100", str(text).strip()):
            raise ValueError(f"{quoted(text)} is not a percentile; write a whole number from 1 to 100")
        return int(text)


def _above_0(parse: Callable[[str], float], text: str, wanted: str) -> float:
    try:
        number = float(parse(text))
    except (ValueError, OverflowError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{quoted(text)} is not {wanted}")
    return number


# Spelled as Robot declares it.
CONVERTERS: dict[type, Callable[[Any], Any] | Callable[[Any, Any], Any]] = {
    kind: kind.parse for kind in (Bound, Share, Duration, Topics, Topic, Criterion, Amount, Percentile)
}
