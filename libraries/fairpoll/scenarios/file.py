"""Reads and validates scenario files. An error names the line, the key and the allowed values."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import jsonschema

from fairpoll.base.errors import ScenarioError
from fairpoll.base.text import plain, quoted
from fairpoll.contract.keys import arguments, group_schema, readers
from fairpoll.contract.settings import PollSettings
from fairpoll.scenarios.model import TOPIC_NAME, WRITTEN, Scenario, TopicPlan
from fairpoll.scenarios.rules import fixed_name_rules, run_rules, starvation_rules, topic_rules
from fairpoll.scenarios.source import Place, Problem, Source, read_yaml
from fairpoll.scenarios.units import IN_UNITS, LONGEST_SECONDS

# Most errors reported for one file.
MOST_ERRORS = 20
MOST_TOPICS = 10_000
NO_TOPIC_NAME = "not a topic name; allowed are at most 200 letters, digits, dots, underscores and hyphens"


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
    return Scenario(**arguments(Scenario, source.data))


def _report(path: Path, problems: Sequence[Problem]) -> Iterator[str]:
    for problem in sorted(problems, key=lambda p: p.line)[:MOST_ERRORS]:
        where = ".".join(plain(str(part)) for part in problem.place) or "the file"
        yield f"{path}: line {problem.line}: {where}: {problem.sentence}"
    if len(problems) > MOST_ERRORS:
        yield f"{path}: and {len(problems) - MOST_ERRORS} more"


FORMATS = jsonschema.FormatChecker(formats=())
for _value in IN_UNITS:

    def _is_format(value: object, parse: Any = _value.read) -> bool:
        return not isinstance(value, str) or bool(parse(value))  # a duration must be above 0

    FORMATS.checks(_value.schema["format"], raises=ValueError)(_is_format)


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, made from the model; editors read it as scenario.schema.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Fairpoll scenario",
        "description": "The traffic, the sink and the consumer settings of one run. Times are in the "
        "scenario's own time; SPEED divides them.",
        **group_schema(Scenario),
    }


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
            yield source.problem((*place, str(error.instance)), NO_TOPIC_NAME)
        else:
            yield source.problem(place, _explain(error))


def _rule_problems(source: Source, problems: Sequence[Problem]) -> Iterator[tuple[Place, str]]:
    """Violated rules between keys; keys with an error of their own are not checked."""
    data = source.data if isinstance(source.data, dict) else {}
    wrong = {problem.place for problem in problems}

    def sound(*place: str) -> bool:
        return place[0] in data and not any(other[: len(place)] == place for other in wrong)

    def read(key: str, otherwise: Any) -> Any:
        return readers(Scenario)[key](data[key]) if sound(key) else otherwise

    duration = read("duration", None)
    topics = data["topics"] if isinstance(data.get("topics"), dict) else {}
    entries = {name: entry for name, entry in topics.items() if sound("topics", name)}
    if sum(entry.get("count", 1) for entry in entries.values()) > MOST_TOPICS:
        yield ("topics",), f"there are more than {MOST_TOPICS:,} of them"
        return
    plans = {name: TopicPlan.of_entry(name, entry) for name, entry in entries.items()}
    yield from topic_rules(plans, duration)
    group, reset = read("group", ""), read("reset_group", False)
    yield from fixed_name_rules(plans, read("names", WRITTEN), group, reset_group=reset)
    control = read("control_waits_at_least", None)
    settings = read("consumer", PollSettings())
    timeline = read("timeline", ())
    yield from run_rules(duration or LONGEST_SECONDS, control, timeline, settings)
    # Steps of a timeline make messages wait in ways that the rule does not count.
    if entries and len(entries) == len(topics) and sound("sink") and not timeline:
        every = [topic for several in plans.values() for topic in several]
        yield from starvation_rules(every, read("sink", None), control, settings)


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
    "pattern": lambda value, pattern, _e: (
        f"{quoted(value)} is {NO_TOPIC_NAME}"
        if pattern == TOPIC_NAME
        else f"{quoted(value)} must be a plain file name ending in .json"
    ),
}
