"""The scenario that a suite or test names in its metadata, read before anything starts; in a dry run too."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from robot import result, running
from robot.errors import DataError
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.base.errors import ScenarioError
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.packaged import find_scenario

METADATA = "Scenario"
# Keywords of these libraries judge a recording; keywords with this tag make one.
JUDGES = ("fairpoll.keywords.VerdictLibrary", "fairpoll.keywords.GuaranteeLibrary")
RECORDS = "records"
NOTHING_RUN = "no scenario has been run yet; let 'Run Both Modes' or 'Run Scenario' be the suite's setup"

Item: TypeAlias = running.TestSuite | running.TestCase


@dataclass(frozen=True)
class Named:
    """A named scenario: its file and its topics, or what is wrong with it."""

    path: Path = Path()
    topics: tuple[str, ...] = ()
    error: str = ""


NONE_NAMED = Named(
    error="no scenario is named; add to the settings, for example: Metadata    Scenario    overload.yaml"
)


class SuiteScenarios:
    """Listens to Robot, and reads all scenarios named in a suite and below it before the suite's setup runs.

    A suite without a scenario of its own has that of the suite above it. A wrong scenario fails its tests
    with the mistakes as their message, and no cluster is started. A test that judges fails if no scenario is
    named, or if nothing has run it.
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        self._read: dict[tuple[str, Path], Named] = {}
        self._item: Item | None = None
        # Whether a scenario has been run, for each suite from the root to the running one.
        self._recorded = [False]
        # Full name of a test or suite -> what it lacks; and each message -> the test that has shown it.
        self._lacks: dict[str, str] = {}
        self._shown: dict[str, str] = {}

    @property
    def errors(self) -> str:
        """What is wrong with the scenarios read so far, one mistake a line; empty if nothing is."""
        return "\n".join(named.error for named in self._read.values() if named.error)

    def file(self) -> Path:
        """The scenario file of the running test or suite. Raises ScenarioError."""
        named = self._named(self._item)
        if named.error:
            raise ScenarioError(named.error)
        return named.path

    def files_below(self) -> list[Path]:
        """The scenario files of all tests in the running suite and below it."""
        tests = self._item.all_tests if isinstance(self._item, running.TestSuite) else ()
        return [named.path for named in dict.fromkeys(map(self._named, tests)) if not named.error]

    def check_topic(self, name: str, *others: str) -> None:
        """Raise ValueError if the running test's scenario has no topic of this name.

        `others` are further allowed values. Nothing is checked while no valid scenario is named.
        """
        topics = self._named(self._item).topics
        if topics and name not in (*others, *topics):
            allowed = "".join(f"{other}, " for other in others) + ("or one of: " if others else "one of: ")
            raise ValueError(f"no topic '{name}' in this scenario; write {allowed}{', '.join(topics)}")

    def start_suite(self, data: running.TestSuite, _result: result.TestSuite) -> None:
        self._item = data
        self._recorded.append(self._recorded[-1])
        for test in data.all_tests:
            self._named(test, final=test.parent is data)

    def end_suite(self, data: running.TestSuite, _result: result.TestSuite) -> None:
        self._item = data.parent
        self._recorded.pop()

    def start_test(self, data: running.TestCase, _result: result.TestCase) -> None:
        self._item = data

    def start_library_keyword(
        self, _data: running.Keyword, implementation: running.LibraryKeyword, _result: result.Keyword
    ) -> None:
        records = RECORDS in implementation.tags
        if self._item and (records or implementation.owner.name in JUDGES):
            self._recorded[-1] |= records
            lacks = self._named(self._item).error or ("" if self._recorded[-1] else NOTHING_RUN)
            self._lacks.setdefault(self._item.full_name, lacks)

    def end_test(self, data: running.TestCase, result: result.TestCase) -> None:
        self._item, named = data.parent, self._named(data)
        lacks = [self._lacks.get(item.full_name, "") for item in _upwards(data)]
        problem = next(filter(None, [named.error if named is not NONE_NAMED else "", *lacks]), "")
        if result.passed and problem:
            first = self._shown.setdefault(problem, data.name)
            result.status, result.message = "FAIL", problem if first == data.name else f"as in '{first}'"

    def _named(self, item: Item | None, *, final: bool = True) -> Named:
        """The scenario named by the item, or by the nearest suite above it.

        Unless this is `final`, a variable without a value is no error: a suite below may give it one.
        """
        holder = next((one for one in _upwards(item) if METADATA in one.metadata), None)
        if holder is None:
            return NONE_NAMED
        name = holder.metadata[METADATA].strip()
        try:
            name = str(BuiltIn().replace_variables(name))
        except DataError:
            if not final:
                return NONE_NAMED
        source = Path(holder.source or "")
        key = name, source if source.is_dir() else source.parent
        if key not in self._read:
            self._read[key] = _read(*key)
        return self._read[key]


def _upwards(item: Item | None) -> Iterator[Item]:
    """The item, then the suites above it up to the root."""
    while item is not None:
        yield item
        item = item.parent


def _read(name: str, folder: Path) -> Named:
    try:
        path = find_scenario(name, folder)
        return Named(path, tuple(topic.name for topic in load_scenario(path).topics))
    except ScenarioError as error:
        return Named(error=str(error))


SCENARIOS = SuiteScenarios()
