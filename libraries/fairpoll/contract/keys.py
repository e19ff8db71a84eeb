"""Keys that users set, declared by the fields of dataclasses; schema and reference follow from them.

A key costs its field: `backlog: int = key("Messages produced before ...", whole(0, 100), default=0)`.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass
from typing import Any


@dataclass(frozen=True)
class Value:
    """What a key's value may be: its JSON Schema, and a function from the valid value to the field's."""

    schema: Mapping[str, Any]
    read: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True)
class Key:
    """A key of the file, by default with the field's name; `{default}` in its description is the default."""

    description: str
    value: Value
    name: str

    @property
    def help(self) -> str:
        """The description for a place that shows the default by itself."""
        return self.description.replace(" Default {default}.", "")


def key(description: str, value: Value, *, name: str = "", **options: Any) -> Any:
    """A field with a key; one with `default` or `default_factory` may be left out of the file.

    It is then an argument by name only; `options` are those of `dataclasses.field`.
    """
    metadata = {"key": Key(description, value, name)}
    return dataclasses.field(metadata=metadata, **{"kw_only": bool(options), **options})


FLAG = Value({"type": "boolean"})


def text(**limits: object) -> Value:
    """Text, with the limits of JSON Schema, such as maxLength."""
    return Value({"type": "string", **limits})


def whole(minimum: int, maximum: int | None = None) -> Value:
    """A whole number in this range."""
    most = {} if maximum is None else {"maximum": maximum}
    return Value({"type": "integer", "minimum": minimum, **most})


def choice(*values: str) -> Value:
    """One of these words."""
    return Value({"enum": list(values)})


def several(value: Value, **limits: object) -> Value:
    """A list of such values, with the limits of JSON Schema, such as minItems."""
    return Value(
        {"type": "array", **limits, "items": value.schema}, lambda items: tuple(map(value.read, items))
    )


def group(kind: type) -> Value:
    """The keys of this dataclass, read into an object of it."""
    return Value(group_schema(kind), lambda data: kind(**arguments(kind, data)))


def group_schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a dataclass's keys, in the order of its fields."""
    declared = _keys(kind)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, field in declared.items() if _default(field) is MISSING],
        "properties": {name: _schema_of(field) for name, field in declared.items()},
    }


def arguments(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a dataclass for these keys, which are valid; those left out have its defaults."""
    fields = {field.name for field in dataclasses.fields(kind)}
    return {
        field.name: field.metadata["key"].value.read(data[name])
        for name, field in _keys(kind).items()
        if name in data and field.name in fields
    }


def readers(kind: Any) -> dict[str, Callable[[Any], Any]]:
    """Key -> the function that reads its valid value."""
    return {name: field.metadata["key"].value.read for name, field in _keys(kind).items()}


def _keys(kind: Any) -> dict[str, "Field[Any]"]:
    """Key -> its field. A class variable has a key too, which no object keeps."""
    declared = [field for field in kind.__dataclass_fields__.values() if "key" in field.metadata]
    return {field.metadata["key"].name or field.name: field for field in declared}


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory


def _schema_of(field: "Field[Any]") -> dict[str, Any]:
    declared: Key = field.metadata["key"]
    default = json.dumps(field.default, default=str).strip('"')
    return {"description": declared.description.replace("{default}", default), **declared.value.schema}
