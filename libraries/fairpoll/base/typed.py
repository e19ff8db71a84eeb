"""Plain data, as JSON gives it, read back into dataclasses strictly."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from fairpoll.base.text import quoted

# Types of plain values, in the words of messages.
WORDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
}
# Larger numbers overflow or lose whole units in arithmetic; times, offsets and sizes are far smaller.
_LARGEST_INT, _LARGEST_FLOAT = 2**63, 1e18


def typed(kind: Any, value: object, where: str) -> Any:
    """The value as this type: a dataclass, a tuple or mapping of such, text, a number, true or false.

    Unknown keys are ignored, and missing ones have the dataclass's defaults. Raises ValueError that names the
    wrong value by its path; `where` is the path of `value` itself, "" for the whole document.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, _mapping(value, where), where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:  # of something and None
        return None if value is None else typed(arguments[0], value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} is {_shown(value)}, not a list")
        return tuple(typed(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        return {
            key: typed(arguments[1], item, _path(where, key)) for key, item in _mapping(value, where).items()
        }
    if not is_plain(kind, value):
        raise ValueError(f"{where} is {_shown(value)}, not {WORDS[kind]}")
    return value


def is_plain(kind: type, value: object) -> bool:
    """Whether the value has this type of WORDS; booleans and infinities are not numbers."""
    if kind is float:
        return type(value) in (int, float) and abs(typing.cast(float, value)) < _LARGEST_FLOAT
    if kind is int:
        return type(value) is int and abs(value) < _LARGEST_INT
    return type(value) is kind


def _dataclass(kind: type, value: Mapping[str, object], where: str) -> Any:
    hints, needed = _fields(kind)
    if missing := [name for name in needed if name not in value]:
        raise ValueError(f"{where or 'the object'} has no {quoted(missing[0])}")
    return kind(
        **{name: typed(hints[name], value[name], _path(where, name)) for name in hints if name in value}
    )


@cache
def _fields(kind: type) -> tuple[dict[str, Any], list[str]]:
    """A dataclass's fields with their types, and the names of those that have no default."""
    hints, fields = typing.get_type_hints(kind), dataclasses.fields(kind)
    missing = dataclasses.MISSING
    needed = [f.name for f in fields if f.default is missing and f.default_factory is missing]
    return {field.name: hints[field.name] for field in fields}, needed


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{where or 'the value'} is {_shown(value)}, not an object")
    return value


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _shown(value: object) -> str:
    """The value with its JSON type, so that the text "0" differs from the number 0."""
    match value:
        case str():
            return f'the text "{quoted(value)[1:-1]}"'
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case dict() | list() | tuple():
            return "an object" if isinstance(value, dict) else "a list"
    return quoted(value)[1:-1]
