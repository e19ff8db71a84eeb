"""Plain data, as JSON gives it, read back into dataclasses strictly."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from fairpoll.base.text import quoted

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
# Larger numbers overflow or lose whole units in arithmetic; times, offsets and sizes are far smaller.
_LARGEST_INT, _LARGEST_FLOAT = 2**63, 1e18


def typed(kind: Any, value: object, where: str) -> Any:
    """The value as this type: a dataclass, a tuple or mapping of such, text, a number, true or false.

    Unknown keys are ignored, and missing ones have the dataclass's defaults. Raises ValueError that names the
    wrong value by its path; `where` is the path of `value` itself.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, _mapping(value, where), where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:  # of something and None
        return None if value is None else typed(arguments[0], value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} is {quoted(value)}, not a list")
        return tuple(typed(arguments[0], item, f"{where}.{index}") for index, item in enumerate(value))
    if origin is dict:
        return {
            key: typed(arguments[1], item, f"{where}.{key}") for key, item in _mapping(value, where).items()
        }
    if not is_plain(kind, value):
        raise ValueError(f"{where} is {quoted(value)}, not {_WORDS[kind]}")
    return value


def is_plain(kind: type, value: object) -> bool:
    """Whether the value has this type of _WORDS; booleans and infinities are not numbers."""
    if kind is float:
        return type(value) in (int, float) and abs(typing.cast(float, value)) < _LARGEST_FLOAT
    if kind is int:
        return type(value) is int and abs(value) < _LARGEST_INT
    return type(value) is kind


def _dataclass(kind: type, value: Mapping[str, object], where: str) -> Any:
    hints, needed = _fields(kind)
    if missing := [name for name in needed if name not in value]:
        raise ValueError(f"{where} has no {quoted(missing[0])}")
    return kind(
        **{name: typed(hints[name], value[name], f"{where}.{name}") for name in hints if name in value}
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
        raise ValueError(f"{where} is {quoted(value)}, not a group of keys")
    return value
