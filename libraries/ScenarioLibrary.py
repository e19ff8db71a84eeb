"""Keywords that run a scenario and record what happened."""

import shlex
from pathlib import Path

from robot.api.deco import keyword, library

from fairpoll.consumers import MODES
from fairpoll.errors import ConsumerError, ScenarioError
from fairpoll.members import ConsumerUnderTest
from fairpoll.scenario_file import load_scenario
from judging import log_charts
from session import SESSION

SCENARIO_FOLDER = Path(__file__).parent.parent / "resources" / "scenarios"


@library(scope="GLOBAL", doc_format="MARKDOWN")
class ScenarioLibrary:
    """Runs a scenario once, with several consumers side by side, and leaves a recording to judge."""

    @keyword
    def run_scenario(
        self, scenario: str, *modes: str, speed: float | None = None, async_command: str = ""
    ) -> None:
        """Produces the scenario's traffic once while each consumer reads it in a group of its own.

        A scenario that this Robot run has already recorded at this speed is not run again: each suite
        can ask for it and gets the same recording. Logs the charts of all consumers.

        Args:
            scenario: name of a file in resources/scenarios, or a path.
            modes: the consumers, `sync` and `async`; default both.
            speed: divides every interval and multiplies the sink's rate; default 1.
            async_command: a command to be judged in place of the built-in async consumer. It is told
                what to do as `fairpoll consume --help` says.

        Fails if the scenario file is wrong, if no cluster runs, or if the producer or a consumer
        cannot do its work; what was recorded until then stays in the output folder.

        Example: `Run Scenario    specified.yaml    sync    async    speed=10`
        """
        consumers = [_consumer(mode, async_command) for mode in modes or MODES]
        known = SESSION.recorded()
        verdict = SESSION.record(find_scenario(scenario), 1.0 if speed is None else speed, consumers)
        if SESSION.recorded() > known:
            log_charts(verdict, [consumer.name for consumer in consumers])

    @keyword
    def start_scenario(
        self, name: str, scenario: str, *modes: str, speed: float = 1.0, async_command: str = ""
    ) -> None:
        """Runs a scenario in the background, and returns when its live traffic has begun.

        What is done to brokers, consumers or producer until `Finish Scenario` becomes part of the recording.

        Args:
            name: of this run, for its folder and for the table of faults.
            scenario: name of a file in resources/scenarios, or a path.
            modes: the consumers, `sync` and `async`; default `async`.
            speed: divides every interval and multiplies the sink's rate; default 1.
            async_command: a command to be judged in place of the built-in async consumer.

        Fails as `Run Scenario` does, and if another is being run.

        Example: `Start Scenario    killed leader    faults.yaml    async`
        """
        consumers = [_consumer(mode, async_command) for mode in modes or ("async",)]
        SESSION.begin(name, find_scenario(scenario), speed, consumers)

    @keyword
    def finish_scenario(self) -> None:
        """Waits for the end of the scenario that was started, drain included; its recording is judged next.

        Fails if none was started, and with what went wrong in it.

        Example: `Finish Scenario`
        """
        verdict = SESSION.finish()
        log_charts(verdict, list(verdict.recording.consumers))

    @keyword
    def abandon_scenario(self) -> None:
        """Breaks off the scenario that was started. Does nothing when none is being run; for teardowns."""
        SESSION.abort()

    @keyword
    def scenario_should_be_valid(self, scenario: str) -> None:
        """Fails if the scenario file is wrong; names the line, the key and what is allowed there.

        Example: `Scenario Should Be Valid    specified.yaml`
        """
        load_scenario(find_scenario(scenario))


def _consumer(mode: str, async_command: str) -> ConsumerUnderTest:
    if mode == "async" and async_command:
        try:
            command = tuple(shlex.split(async_command))
        except ValueError as error:
            raise ConsumerError(f"ASYNC_COMMAND cannot be read as a command: {error}") from None
        if not command or not command[0]:
            raise ConsumerError("ASYNC_COMMAND is empty; write the command, or leave the variable out")
        return ConsumerUnderTest(mode, command)
    if mode not in MODES:
        raise ConsumerError(f"unknown mode '{mode}'; one of: {', '.join(MODES)}")
    return ConsumerUnderTest.built_in(mode)


def find_scenario(name: str) -> Path:
    """The file of this name in resources/scenarios, or the path itself. Raises ScenarioError."""
    for path in (SCENARIO_FOLDER / name, Path(name)):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.name for path in SCENARIO_FOLDER.glob("*.yaml")))
    raise ScenarioError(f"no scenario file '{name}'; in resources/scenarios there are: {known}")
