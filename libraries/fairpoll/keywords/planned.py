"""The scenarios that suites name, read before anything is started; in a dry run too."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from robot import result, running
from robot.api import SuiteVisitor
from robot.errors import DataError
from robot.libraries.BuiltIn import BuiltIn
from robot.running import ResourceFile

from fairpoll.base.errors import ScenarioError
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import Scenario
from fairpoll.scenarios.packaged import find_scenario

# What a scenario looks like among the arguments of a keyword.
SCENARIO = re.compile(r"(?:scenario=)?([^=]+\.ya?ml)")
# Keywords one of whose arguments is a scenario whatever it looks like, and which argument.
TAKES_SCENARIO = {"runscenario": 0, "scenarioshouldbevalid": 0, "startscenario": 1, "runbothmodeson": 0}

Keywords = Mapping[str, running.UserKeyword]


class Planned:
    """A listener that reads every scenario named in a suite or below it, before its setup runs.

    A wrong one fails the tests it was meant for, and what is wrong with it is their message. In a real run no
    cluster is started for them. A name in a variable without a value is left to the keyword that runs it.
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        self._scenarios: dict[str, Scenario | ScenarioError] = {}
        self._suite: running.TestSuite | None = None
        self._setup: list[str] = []
        # What is wrong stands in the message of the first test of a suite that it concerns.
        self._told: set[str] = set()
        self._topics: list[str] = []

    @property
    def wrong(self) -> str:
        """All that is wrong with the scenarios named so far, a line each; empty where nothing is."""
        return self._wrong(list(self._scenarios))

    def given_to(self, keyword: str) -> list[str]:
        """The scenarios that the running suite, and those below it, give to this keyword."""
        return _named(self._suite, everything=True, called=_plain(keyword)) if self._suite else []

    def check_topic(self, name: str, *others: str) -> None:
        """Raise ValueError where no scenario of the running suite has a topic of this name.

        `others` are what else may stand there.
        """
        if self._topics and name not in (*others, *self._topics):
            allowed = "".join(f"{other}, " for other in others) + ("or one of: " if others else "one of: ")
            known = ", ".join(self._topics)
            raise ValueError(f"no topic '{name}' in this scenario; write {allowed}{known}")

    def start_suite(self, data: running.TestSuite, _result: result.TestSuite) -> None:
        named = _named(data, everything=True)
        for name in named:
            if name not in self._scenarios:
                self._scenarios[name] = _read(name)
        self._suite = data
        self._setup = _named(data)
        self._told.clear()
        known = [self._scenarios[name] for name in named]
        scenarios = [one for one in known if isinstance(one, Scenario)]
        # Of a wrong one the topics are not known: nothing can be said against a name then.
        topics = [topic.name for one in scenarios for topic in one.topics]
        self._topics = list(dict.fromkeys(topics)) if len(scenarios) == len(known) else []

    def end_test(self, data: running.TestCase, result: result.TestCase) -> None:
        if not result.passed or not self.wrong:
            return
        if told := self._wrong([*self._setup, *_named(data)]):
            result.status, result.message = "FAIL", "as told above" if told in self._told else told
            self._told.add(told)

    def _wrong(self, names: list[str]) -> str:
        found = [self._scenarios[name] for name in dict.fromkeys(names)]
        return "\n".join(str(one) for one in found if isinstance(one, ScenarioError))


PLANNED = Planned()


def _read(name: str) -> Scenario | ScenarioError:
    try:
        return load_scenario(find_scenario(name))
    except ScenarioError as error:
        return error


def _named(
    data: running.TestSuite | running.TestCase, *, everything: bool = False, called: str = ""
) -> list[str]:
    """The scenarios that a test names, or a suite's setup; or `everything` in a suite and below it.

    With `called`, only those that are given to this keyword.
    """
    suite = data if isinstance(data, running.TestSuite) else data.parent
    finder = _Finder(dict(_user_keywords(suite.resource)), called)
    if data is not suite or everything:
        data.visit(finder)
    elif suite.has_setup:
        suite.setup.visit(finder)
    return list(finder.found)


class _Finder(SuiteVisitor):
    """Looks at the arguments of calls, and at those in the user keywords that they lead to."""

    def __init__(self, keywords: Keywords, called: str) -> None:
        self._keywords = keywords
        self._called = called
        self._entered: set[str] = set()
        self.found: dict[str, None] = {}

    def start_suite(self, suite: running.TestSuite) -> None:
        self._keywords = dict(_user_keywords(suite.resource))
        self._entered.clear()

    def start_keyword(self, call: running.Keyword) -> None:
        name = _plain(call.name)
        if name == (self._called or name):
            if (place := TAKES_SCENARIO.get(name)) is not None and len(call.args) > place:
                self._keep(_value(str(call.args[place])).removeprefix("scenario="))
            elif self._leads_to_a_run(name):
                self._look_at([*call.args, *self._keywords[name].args.defaults.values()])
        if name in self._keywords and name not in self._entered:
            self._entered.add(name)
            self._keywords[name].body.visit(self)

    def _leads_to_a_run(self, name: str, deeper: int = 5) -> bool:
        """Whether this is a user keyword that hands a scenario on; others may take other files."""
        if name not in self._keywords or not deeper:
            return False
        inner = [_plain(call.name) for call in self._keywords[name].body if hasattr(call, "args")]
        return any(one in TAKES_SCENARIO or self._leads_to_a_run(one, deeper - 1) for one in inner)

    def _look_at(self, arguments: Iterable[object]) -> None:
        for argument in arguments:
            if isinstance(argument, str) and (match := SCENARIO.fullmatch(_value(argument))):
                self._keep(match[1])

    def _keep(self, name: str) -> None:
        if name:
            self.found[name] = None


def _value(argument: str) -> str:
    """With its variables replaced; "" where one of them has no value yet."""
    try:
        return str(BuiltIn().replace_variables(argument))
    except DataError:
        return ""


def _user_keywords(resource: ResourceFile) -> Iterator[tuple[str, running.UserKeyword]]:
    """Those of a suite or resource file and of what it imports; its own, which come first in Robot, last."""
    for imported in resource.imports:
        path = Path(imported.directory or "", imported.name)
        if imported.type == imported.RESOURCE and path.is_file():
            yield from _user_keywords(_parsed(path))
    for keyword in resource.keywords:
        yield _plain(keyword.name), keyword


_parsed = cache(ResourceFile.from_file_system)


def _plain(name: str) -> str:
    return re.sub(r"[ _]", "", name).lower()
