"""An attribute of a consumer, as its user declares it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attribute:
    """How a user declares an attribute of a consumer: as text, "" for the default.

    `parse` gets the text and the texts of all attributes, and raises ConsumerError. `argument` is the name of
    a keyword's argument; an option of `fairpoll test` has the attribute's own name.
    """

    help: str
    variable: str
    argument: str
    default: str
    parse: Callable[[str, Mapping[str, str]], Any]
