"""Values as they are written in the cells of a table, and how Robot converts them."""

from dataclasses import dataclass
from typing import Literal

from fairpoll.units import parse_share

NO_CRITERION = "-"

# The consumers that a suite may name; `--dryrun` refuses any other.
Mode = Literal["sync", "async"]


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
        digits = text.replace(" ", "").replace(",", "")
        if not digits.isdigit():
            raise ValueError(f"'{value}' is not a number of records; write 20, 1 000, or - for no criterion")
        return cls(int(digits))


@dataclass(frozen=True)
class Share:
    """A share such as `1%`, or `-` for no criterion."""

    fraction: float | None

    @classmethod
    def parse(cls, value: str) -> "Share":
        """A share with a percent sign, such as `1%`; `-` for no criterion."""
        return cls(None if str(value).strip() == NO_CRITERION else parse_share(value))


CONVERTERS = {Bound: Bound.parse, Share: Share.parse}
