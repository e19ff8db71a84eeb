"""Scenario files: the traffic, the sink and the settings of one run, read and checked.

`load_scenario` returns a `Scenario` in its own time. `Scenario.at_speed` divides every interval and
multiplies the sink's rate, which gives the same counts in less time.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from fairpoll.errors import ScenarioError
from fairpoll.units import Bursts, parse_duration, parse_rate

# A scenario is a page of text; a file far larger is a mistake or an attack.
MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True)
class TopicPlan:
    """One topic: its part in the judgement (`high` or `low` volume), its shape and its traffic."""

    name: str
    volume: str
    partitions: int
    traffic: Bursts
    output: str
    backlog: int = 0
    message_type: str = ""
    priority: str = ""

    def live_bursts(self, duration_seconds: float) -> int:
        """How many bursts begin before the end: those at 0, 1, 2, ... intervals.

        The slack keeps the rounding of the division from adding one.
        """
        return int(duration_seconds / self.traffic.interval_seconds + 1 - 1e-9)

    def planned_messages(self, duration_seconds: float) -> int:
        """How many messages this topic gets in all, backlog included."""
        return self.backlog + self.live_bursts(duration_seconds) * self.traffic.messages


@dataclass(frozen=True)
class PollSettings:
    """Settings of the consumers under test, with the specification's names and values."""

    poll_interval_ms: int = 50
    max_poll_records: int = 100
    partition_pause_threshold: int = 500


@dataclass(frozen=True)
class Scenario:
    """One experiment. `sink_rate` is in records per second; None is an unlimited sink."""

    title: str
    duration_seconds: float
    sink_rate: float
    topics: tuple[TopicPlan, ...]
    settings: PollSettings = field(default_factory=PollSettings)
    control_wait_seconds: float | None = None

    def at_speed(self, speed: float) -> "Scenario":
        """The same experiment in 1/speed of the time. Counts stay; `settings` are not scaled.

        Raises ScenarioError when speed is not above 0.
        """
        if speed <= 0:
            raise ScenarioError(f"SPEED is {speed:g}; it must be above 0, for example 10")
        return replace(
            self,
            duration_seconds=self.duration_seconds / speed,
            sink_rate=self.sink_rate * speed,
            topics=tuple(
                replace(t, traffic=replace(t.traffic, interval_seconds=t.traffic.interval_seconds / speed))
                for t in self.topics
            ),
        )

    def of_volume(self, volume: str) -> list[TopicPlan]:
        """The topics with this part in the judgement, in the file's order."""
        return [topic for topic in self.topics if topic.volume == volume]

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back, kept with the evidence."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scenario":
        topics = tuple(TopicPlan(**{**t, "traffic": Bursts(**t["traffic"])}) for t in data["topics"])
        return cls(**{**data, "topics": topics, "settings": PollSettings(**data["settings"])})


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file. Raises ScenarioError naming the line, the key, what is allowed."""
    data, lines = _read_yaml(path)
    _validate(data, lines, path)
    topics = tuple(
        TopicPlan(
            name=name,
            volume=topic["volume"],
            partitions=topic["partitions"],
            traffic=Bursts.parse(topic["traffic"]),
            output=topic["output"],
            backlog=topic.get("backlog", 0),
            message_type=topic.get("message_type", name),
            priority=topic.get("priority", ""),
        )
        for name, topic in data["topics"].items()
    )
    control = data.get("control_waits_at_least")
    return Scenario(
        title=data["title"],
        duration_seconds=parse_duration(data["duration"]),
        sink_rate=parse_rate(data["sink"]),
        topics=topics,
        settings=PollSettings(**data.get("consumer", {})),
        control_wait_seconds=parse_duration(control) if control else None,
    )


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
        line = f" line {mark.line + 1}:" if mark else ""
        raise ScenarioError(f"{path}:{line} not YAML: {getattr(error, 'problem', error)}") from None
    if node is None:
        raise ScenarioError(f"{path}: is empty; it needs title, duration, sink and topics")
    lines: Lines = {}
    for place, line in _places(node, (), path):
        lines[place] = line
    return yaml.safe_load(text), lines


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
        place = tuple(error.absolute_path)
        if error.validator in ("additionalProperties", "propertyNames"):
            place = (*place, _offending_key(error))
        line = lines.get(place) or lines.get(tuple(error.absolute_path), 1)
        where = ".".join(str(part) for part in place) or "the file"
        raise ScenarioError(f"{path}: line {line}: {where}: {_explain(error)}")
    outputs = [topic["output"] for topic in data["topics"].values()]
    for name, topic in data["topics"].items():
        if outputs.count(topic["output"]) > 1:
            line = lines[("topics", name, "output")]
            raise ScenarioError(
                f"{path}: line {line}: topics.{name}.output: {topic['output']} is another topic's output too"
            )


def _offending_key(error: jsonschema.ValidationError) -> str:
    if error.validator == "propertyNames":
        return str(error.instance)
    return next(str(key) for key in error.instance if key not in error.schema.get("properties", {}))


def _explain(error: jsonschema.ValidationError) -> str:
    """jsonschema's finding as a sentence that says what is allowed."""
    value: Any = error.instance
    match error.validator:
        case "additionalProperties":
            return f"unknown key; allowed here: {', '.join(error.schema['properties'])}"
        case "propertyNames":
            return "not a topic name; allowed are letters, digits, dot, underscore and hyphen"
        case "required":
            missing = [key for key in error.validator_value if key not in value]
            return f"missing: {', '.join(missing)}"
        case "enum":
            return f"'{value}' is not allowed; one of: {', '.join(map(str, error.validator_value))}"
        case "format":
            cause = error.cause or f"'{value}' must be above 0"
            return str(cause)
        case "type":
            hint = error.schema.get("description", "")
            kind = _TYPE_WORDS.get(str(error.validator_value), error.validator_value)
            return f"'{value}' must be {kind}{'. ' if hint else ''}{hint}"
        case "minimum":
            return f"{value} is too small; at least {error.validator_value}"
        case "maximum":
            return f"{value} is too large; at most {error.validator_value}"
        case "pattern":
            return f"'{value}' must be a plain file name ending in .json"
        case _:
            return error.message


_TYPE_WORDS = {
    "object": "a group of keys",
    "string": "text",
    "integer": "a whole number",
}
