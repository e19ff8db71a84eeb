"""The scenarios that suites and tests name in their metadata, read before any keyword, also by --dryrun."""

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
    """A named scenario: its file and its topics, or its errors."""

    path: Path = Path()
    topics: tuple[str, ...] = ()
    error: str = ""


NONE_NAMED = Named(
    error="no scenario is named; add to the settings, for example: Metadata    Scenario    overload.yaml"
)


class SuiteScenarios:
    """A listener that reads all scenarios named in and below a suite before the suite's setup runs.

    A suite without a scenario has that of the suite above it. A wrong scenario fails its tests with the
    errors as their message, and no cluster is started. A test that judges fails if no scenario is named, or
    if none has been run.
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        self._read: dict[tuple[str, Path], Named] = {}
        self._item: Item | None = None
        # Whether a scenario has been run, for each suite from the root to the running one.
        self._recorded = [False]
        # Full name of a test or suite -> the message why it cannot judge; "" if it can.
        self._lacks: dict[str, str] = {}
        # Message -> the first test that failed with it.
        self._shown: dict[str, str] = {}

    @property
    def errors(self) -> str:
        """The errors in the scenarios read so far, one a line; "" without errors."""
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

        An unknown variable in the name is an error only if this is `final`: a suite below may define it.
        """
        owner = next((suite for suite in _upwards(item) if METADATA in suite.metadata), None)
        if owner is None:
            return NONE_NAMED
        name = owner.metadata[METADATA].strip()
        try:
            name = str(BuiltIn().replace_variables(name))
        except DataError:
            if not final:
                return NONE_NAMED
        source = Path(owner.source or "")
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
