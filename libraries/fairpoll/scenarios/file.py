"""Reads and validates scenario files. An error names the line, the key and the allowed values."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import jsonschema

from fairpoll.base.errors import ScenarioError
from fairpoll.base.text import plain, quoted
from fairpoll.contract.settings import PollSettings
from fairpoll.scenarios.model import Scenario, Step, TopicPlan
from fairpoll.scenarios.rules import run_rules, starvation_rules, topic_rules
from fairpoll.scenarios.source import Place, Problem, Source, read_yaml
from fairpoll.scenarios.units import LONGEST_SECONDS, Action, Bursts, parse_duration, parse_rate

# Most errors reported for one file.
MOST_ERRORS = 20
MOST_TOPICS = 10_000


def load_scenario(path: Path) -> Scenario:
    """Read and validate a scenario file.

    Raises ScenarioError with a line for each error, at most MOST_ERRORS: the file, the line, the key, and
    the allowed values.
    """
    source = read_yaml(path)
    reported = {problem.place for problem in source.problems}
    problems = source.problems + [p for p in _schema_problems(source) if p.place not in reported]
    problems += [source.problem(*rule) for rule in _rule_problems(source, problems)]
    if problems:
        raise ScenarioError("\n".join(_report(path, problems)))
    data = source.data
    topics = [topic for name, entry in data["topics"].items() for topic in _topics(name, entry)]
    return Scenario(
        title=data["title"],
        duration_seconds=parse_duration(data["duration"]),
        sink_rate=parse_rate(data["sink"]),
        topics=tuple(topics),
        settings=PollSettings(**data.get("consumer", {})),
        control_wait_seconds=_control(data),
        timeline=_timeline(data),
        drain=data.get("drain", True),
        side_by_side=data.get("side_by_side", True),
    )


def _control(data: Mapping[str, Any]) -> float | None:
    control = data.get("control_waits_at_least")
    return parse_duration(control) if control else None


def _timeline(data: Mapping[str, Any]) -> tuple[Step, ...]:
    steps = data.get("timeline", ())
    return tuple(Step(parse_duration(step["at"]), Action.parse(step["do"])) for step in steps)


def _report(path: Path, problems: Sequence[Problem]) -> Iterator[str]:
    for problem in sorted(problems, key=lambda p: p.line)[:MOST_ERRORS]:
        where = ".".join(plain(str(part)) for part in problem.place) or "the file"
        yield f"{path}: line {problem.line}: {where}: {problem.sentence}"
    if len(problems) > MOST_ERRORS:
        yield f"{path}: and {len(problems) - MOST_ERRORS} more"


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


FORMATS = jsonschema.FormatChecker(formats=())
for _name, _parse in (
    ("duration-text", parse_duration),
    ("rate-text", parse_rate),
    ("traffic-text", Bursts.parse),
    ("action-text", Action.parse),
):

    def _is_format(value: object, parse: Any = _parse) -> bool:
        return not isinstance(value, str) or bool(parse(value))  # a duration must be above 0

    FORMATS.checks(_name, raises=ValueError)(_is_format)


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file; editors complete and check with the same one."""
    loaded: dict[str, Any] = json.loads(
        files("fairpoll.scenarios").joinpath("scenario.schema.json").read_text("utf-8")
    )
    return loaded


def _is_whole(_checker: object, value: object) -> bool:
    """An int. JSON Schema also accepts 3.0 as an integer, which `range` does not."""
    return isinstance(value, int) and not isinstance(value, bool)


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole),
)


def _schema_problems(source: Source) -> Iterator[Problem]:
    validator = _Validator(schema(), format_checker=FORMATS)
    for error in validator.iter_errors(source.data):
        place = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = _known_keys(error)
            for key in dict(cast(Any, error.instance)):
                if key not in known:
                    yield source.problem((*place, key), f"unknown key; allowed here: {', '.join(known)}")
        elif _is_key_error(error):
            sentence = (
                "not a topic name; allowed are at most 200 letters, digits, dots, underscores and hyphens"
            )
            yield source.problem((*place, str(error.instance)), sentence)
        else:
            yield source.problem(place, _explain(error))


def _rule_problems(source: Source, problems: Sequence[Problem]) -> Iterator[tuple[Place, str]]:
    """Violated rules between keys; keys with an error of their own are not checked."""
    data = source.data if isinstance(source.data, dict) else {}
    wrong = {problem.place for problem in problems}

    def sound(*place: str) -> bool:
        return place[0] in data and not any(other[: len(place)] == place for other in wrong)

    duration = parse_duration(data["duration"]) if sound("duration") else None
    topics = data["topics"] if isinstance(data.get("topics"), dict) else {}
    entries = {name: entry for name, entry in topics.items() if sound("topics", name)}
    if sum(entry.get("count", 1) for entry in entries.values()) > MOST_TOPICS:
        yield ("topics",), f"there are more than {MOST_TOPICS:,} of them"
        return
    yield from topic_rules({name: list(_topics(name, entry)) for name, entry in entries.items()}, duration)
    control = _control(data) if sound("control_waits_at_least") else None
    settings = PollSettings(**data["consumer"]) if sound("consumer") else PollSettings()
    timeline = _timeline(data) if sound("timeline") else ()
    yield from run_rules(duration or LONGEST_SECONDS, control, timeline, settings)
    # Steps of a timeline make messages wait in ways that the rule does not count.
    if entries and len(entries) == len(topics) and sound("sink") and not timeline:
        plans = [topic for name, entry in entries.items() for topic in _topics(name, entry)]
        yield from starvation_rules(plans, parse_rate(data["sink"]), control, settings)


def _is_key_error(error: jsonschema.ValidationError) -> bool:
    return "propertyNames" in error.schema_path


def _known_keys(error: jsonschema.ValidationError) -> list[str]:
    """The keys that the schema allows at the place of the error."""
    return list(cast(Any, error.schema).get("properties", {}))


def _explain(error: jsonschema.ValidationError) -> str:
    """jsonschema's error as a sentence with the allowed values."""
    explain = _EXPLANATIONS.get(str(error.validator))
    return explain(error.instance, error.validator_value, error) if explain else plain(error.message)


def _explain_type(value: object, wanted: object, error: jsonschema.ValidationError) -> str:
    schema = error.schema if isinstance(error.schema, dict) else {}
    hint = schema.get("description", "")
    if isinstance(value, (int, float)) and "format" in schema:
        return f"{quoted(value)} has no unit. {hint}"
    words = {
        "object": "a group of keys",
        "string": "text",
        "integer": "a whole number",
        "array": "a list",
        "boolean": "yes or no",
    }
    return f"{quoted(value)} must be {words.get(str(wanted), wanted)}{'. ' if hint else ''}{hint}"


# Schema keyword -> a function of the value, the keyword's value in the schema, and the error.
_EXPLANATIONS: dict[str, Callable[[Any, Any, jsonschema.ValidationError], str]] = {
    "required": lambda value, keys, _e: f"missing: {', '.join(key for key in keys if key not in value)}",
    "enum": lambda value, allowed, _e: f"{quoted(value)} is not allowed; one of: {', '.join(allowed)}",
    "format": lambda value, _s, e: str(e.cause or f"{quoted(value)} must be above 0"),
    "type": _explain_type,
    "minimum": lambda value, least, _e: f"{value} is too small; at least {least}",
    "maximum": lambda value, most, _e: f"{value} is too large; at most {most}",
    "minProperties": lambda _v, _s, _e: "there is nothing in it; name at least one",
    "minItems": lambda _v, _s, _e: "there is nothing in it; name at least one",
    "minLength": lambda _v, _s, _e: "there is nothing in it",
    "maxLength": lambda value, most, _e: f"{quoted(value)} is too long; at most {most} characters",
    "pattern": lambda value, _s, _e: f"{quoted(value)} must be a plain file name ending in .json",
}
