"""Scenario files, read and checked. A wrong file is refused with the line, the key and what is allowed."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import jsonschema
import yaml

from fairpoll.errors import ScenarioError
from fairpoll.scenario import PollSettings, Scenario, Step, TopicPlan
from fairpoll.units import Action, Bursts, parse_duration, parse_rate

# A scenario is a page of text; a file far larger is a mistake or an attack.
MAX_FILE_BYTES = 1_000_000


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file. Raises ScenarioError naming the line, the key, what is allowed."""
    data, lines = _read_yaml(path)
    _validate(data, lines, path)
    control = data.get("control_waits_at_least")
    return Scenario(
        title=data["title"],
        duration_seconds=parse_duration(data["duration"]),
        sink_rate=parse_rate(data["sink"]),
        topics=tuple(topic for name, entry in data["topics"].items() for topic in _topics(name, entry)),
        settings=PollSettings(**data.get("consumer", {})),
        control_wait_seconds=parse_duration(control) if control else None,
        timeline=tuple(
            Step(parse_duration(step["at"]), Action.parse(step["do"])) for step in data.get("timeline", ())
        ),
        drain=data.get("drain", True),
    )


def _topics(name: str, entry: Mapping[str, Any]) -> Iterator[TopicPlan]:
    """The topic of this entry, or its `count` topics."""
    plan = TopicPlan(
        name=name,
        volume=entry["volume"],
        partitions=entry["partitions"],
        traffic=Bursts.parse(entry["traffic"]),
        output=entry["output"],
        backlog=entry.get("backlog", 0),
        message_type=entry.get("message_type", name),
        priority=entry.get("priority", ""),
        starts_after_seconds=parse_duration(entry.get("starts_after", "0 s")),
        sink_rate=parse_rate(entry["sink"]) if "sink" in entry else None,
        weights=tuple(entry.get("weights", ())),
        poison=tuple(entry.get("poison", ())),
    )
    if "count" not in entry:
        yield plan
        return
    stem = plan.output.removesuffix(".json")
    for number in range(1, entry["count"] + 1):
        yield replace(plan, name=f"{name}-{number:03}", output=f"{stem}-{number:03}.json")


Lines = dict[tuple[str | int, ...], int]


def _read_yaml(path: Path) -> tuple[Any, Lines]:
    """The file's data and the line each key stands on.

    The node tree is read rather than the finished objects: it still knows its lines, shows a key
    written twice, and lets aliases (the stuff of YAML bombs) be refused before they are expanded.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ScenarioError(f"{path}: larger than {MAX_FILE_BYTES} bytes, which no scenario needs")
        text = path.read_text("utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ScenarioError(f"{path}: aliases (*name) are not allowed; write the value out")
        node = yaml.compose(text, yaml.SafeLoader)
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such scenario file") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        raise ScenarioError(f"{path}:{where} not YAML: {getattr(error, 'problem', error)}") from None
    if node is None:
        raise ScenarioError(f"{path}: is empty; it needs title, duration, sink and topics")
    return yaml.safe_load(text), dict(_places(node, (), path))


def _places(
    node: yaml.Node, place: tuple[str | int, ...], path: Path
) -> Iterator[tuple[tuple[str | int, ...], int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ScenarioError(f"{path}: line {line}: '{key.value}' stands here a second time")
            seen.add(key.value)
            yield from _places(value, (*place, key.value), path)
            yield (*place, key.value), line
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _places(item, (*place, index), path)


FORMATS = jsonschema.FormatChecker(formats=())
for _name, _parse in (
    ("duration-text", parse_duration),
    ("rate-text", parse_rate),
    ("traffic-text", Bursts.parse),
    ("action-text", Action.parse),
):

    def _is_format(value: object, parse: Any = _parse) -> bool:
        return not isinstance(value, str) or bool(parse(value))  # a zero duration is no duration

    FORMATS.checks(_name, raises=ValueError)(_is_format)


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file; editors complete and check with the same one."""
    loaded: dict[str, Any] = json.loads(files("fairpoll").joinpath("scenario.schema.json").read_text("utf-8"))
    return loaded


def _validate(data: Any, lines: Lines, path: Path) -> None:
    validator = jsonschema.Draft202012Validator(schema(), format_checker=FORMATS)
    # Unknown keys first: a misspelt key is also a missing one, and the spelling is what to mend.
    errors = sorted(
        validator.iter_errors(data),
        key=lambda e: (e.validator != "additionalProperties", lines.get(tuple(e.absolute_path), 0)),
    )
    for error in errors:
        place = _place(error)
        line = lines.get(place) or lines.get(place[:-1], 1)
        where = ".".join(str(part) for part in place) or "the file"
        raise ScenarioError(f"{path}: line {line}: {where}: {_explain(error)}")
    outputs = [topic["output"] for topic in data["topics"].values()]
    for name, topic in data["topics"].items():
        weights = topic.get("weights")
        if weights is not None and (len(weights) != topic["partitions"] or not sum(weights)):
            line = lines[("topics", name, "weights")]
            raise ScenarioError(
                f"{path}: line {line}: topics.{name}.weights: needs one number for each of the "
                f"{topic['partitions']} partitions, not all 0"
            )
        if outputs.count(topic["output"]) > 1:
            line = lines[("topics", name, "output")]
            raise ScenarioError(
                f"{path}: line {line}: topics.{name}.output: {topic['output']} is another topic's output too"
            )


def _place(error: jsonschema.ValidationError) -> tuple[str | int, ...]:
    """The keys that lead to what is wrong; where a key itself is wrong, that key is the last."""
    place = tuple(error.absolute_path)
    if _is_key_error(error):
        return (*place, str(error.instance))
    if error.validator == "additionalProperties":
        unknown = next(key for key in dict(cast(Any, error.instance)) if key not in _known_keys(error))
        return (*place, str(unknown))
    return place


def _is_key_error(error: jsonschema.ValidationError) -> bool:
    return "propertyNames" in error.schema_path


def _known_keys(error: jsonschema.ValidationError) -> list[str]:
    """The keys that the schema allows at the place of the error."""
    return list(cast(Any, error.schema).get("properties", {}))


def _explain(error: jsonschema.ValidationError) -> str:
    """jsonschema's finding as a sentence that says what is allowed."""
    if _is_key_error(error):
        return "not a topic name; allowed are letters, digits, dot, underscore and hyphen"
    explain = _EXPLANATIONS.get(str(error.validator))
    return explain(error.instance, error.validator_value, error) if explain else error.message


def _explain_type(value: object, wanted: object, error: jsonschema.ValidationError) -> str:
    words = {
        "object": "a group of keys",
        "string": "text",
        "integer": "a whole number",
        "array": "a list",
        "boolean": "yes or no",
    }
    hint = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    return f"'{value}' must be {words.get(str(wanted), wanted)}{'. ' if hint else ''}{hint}"


# By the schema's keyword: a function of the value, what the schema says, and the error itself.
_EXPLANATIONS: dict[str, Callable[[Any, Any, jsonschema.ValidationError], str]] = {
    "additionalProperties": lambda _v, _s, e: f"unknown key; allowed here: {', '.join(_known_keys(e))}",
    "required": lambda value, keys, _e: f"missing: {', '.join(key for key in keys if key not in value)}",
    "enum": lambda value, allowed, _e: f"'{value}' is not allowed; one of: {', '.join(map(str, allowed))}",
    "format": lambda value, _s, e: str(e.cause or f"'{value}' must be above 0"),
    "type": _explain_type,
    "minimum": lambda value, least, _e: f"{value} is too small; at least {least}",
    "maximum": lambda value, most, _e: f"{value} is too large; at most {most}",
    "minProperties": lambda _v, _s, _e: "there is nothing in it; name at least one",
    "pattern": lambda value, _s, _e: f"'{value}' must be a plain file name ending in .json",
}
