"""The YAML of a scenario file as plain data, with the line of each key.

Only mappings, lists and plain values are accepted. Aliases, which YAML bombs are made of, and tags, which
create objects, are rejected before anything is built.
"""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fairpoll.base.errors import ScenarioError
from fairpoll.base.text import plain, quoted

# A scenario is a page of text; a file far larger is a mistake or an attack.
MAX_FILE_BYTES = 50_000
# A timeline's step is a value in a group in a list in the file: four deep.
MAX_DEPTH = 10
PLAIN_TAGS = ("int", "float", "bool", "null")
_CONSTRUCTOR = yaml.constructor.SafeConstructor()

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """An error in the file, and the path of keys to it."""

    place: Place
    sentence: str
    line: int


@dataclass
class Source:
    """A scenario file's data; `lines` maps each path of keys to its line, `problems` are the errors found."""

    data: Any
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, place: Place, sentence: str) -> Problem:
        """A problem at the line of this path, or of the nearest enclosing one in the file."""
        around = place
        while around and around not in self.lines:
            around = around[:-1]
        return Problem(place, sentence, self.lines.get(around, 1))


def read_yaml(path: Path) -> Source:
    """Read the file. Raises ScenarioError if it is not YAML, or has more than plain YAML."""
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise ScenarioError(f"{path}: is a folder, not a scenario file")
        if not stat.S_ISREG(kind.st_mode):
            raise ScenarioError(f"{path}: is not a file")  # a pipe or a device may never end
        if kind.st_size > MAX_FILE_BYTES:
            raise ScenarioError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes, which no scenario needs")
        node = _Loader(path.read_text("utf-8"), path).get_single_node()
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such scenario file") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        where = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
        reason = f"not YAML: {plain(str(error.problem))}; check the indentation, colons and brackets there"
        raise ScenarioError(f"{path}:{where} {reason}") from None
    except yaml.reader.ReaderError as error:
        raise ScenarioError(f"{path}: not YAML: {error.reason} (character {error.position})") from None
    except ValueError as error:  # raised by PyYAML, such as for \U with an invalid code point
        raise ScenarioError(f"{path}: not YAML: {plain(str(error))}") from None
    if node is None:
        raise ScenarioError(f"{path}: is empty; it needs title, duration, sink and topics")
    source = Source(None)
    source.data = _data(node, (), source)
    return source


class _Loader(yaml.SafeLoader):
    """Rejects aliases, tags and deep nesting, with their line, before they are expanded or built."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self._path = path
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = f"{self._path}: line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise ScenarioError(f"{line}: aliases (*name) are not allowed; write the value out")
        if event.tag is not None:
            raise ScenarioError(
                f"{line}: tags ({plain(event.tag[:20])}) are not allowed; write the value alone"
            )
        if self._depth == MAX_DEPTH:
            raise ScenarioError(f"{line}: nested more than {MAX_DEPTH} deep, which no scenario needs")
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _data(node: yaml.Node, place: Place, source: Source) -> Any:
    """The node as plain data, with all keys as text. Adds lines and problems to `source`."""
    source.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                source.problems.append(Problem(place, "a key must be a word", line))
            elif key.value in mapping:
                source.problems.append(Problem((*place, key.value), "is in the file twice", line))
            else:
                source.lines[(*place, key.value)] = line
                mapping[key.value] = _data(value, (*place, key.value), source)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_data(item, (*place, index), source) for index, item in enumerate(node.value)]
    return _value(node, place, source)


def _value(node: yaml.Node, place: Place, source: Source) -> Any:
    """A number, a boolean or null, else text; a date is text."""
    try:
        node.value.encode()
        if node.tag.rpartition(":")[2] in PLAIN_TAGS:
            return _CONSTRUCTOR.yaml_constructors[node.tag](_CONSTRUCTOR, node)
    except ValueError:
        sentence = f"{quoted(node.value)} is neither text nor a number that can be read"
        source.problems.append(source.problem(place, sentence))
    return node.value
