"""Keywords that run and record scenarios."""

import sys
from importlib.util import find_spec
from typing import Literal

from robot.api import SkipExecution, logger
from robot.api.deco import keyword, library

from fairpoll.consumers.bizon import NOT_INSTALLED
from fairpoll.contract.subject import check_program
from fairpoll.keywords.judging import log_charts
from fairpoll.keywords.session import SESSION
from fairpoll.keywords.subject_arguments import with_subject
from fairpoll.keywords.suite_scenarios import RECORDS, SCENARIOS
from fairpoll.run.modes import consumer_of

Names = Literal["", "written", "reversed", "both"]


@library(scope="GLOBAL", doc_format="MARKDOWN", listener=SCENARIOS)
class ScenarioLibrary:
    """Runs a scenario with several consumers at the same time, and records it for the verdict keywords.

    The scenario is the one that the suite, a suite above it or the test names in its metadata: the name of a
    file beside the suite or in resources/scenarios, or a path.

        *** Settings ***
        Metadata    Scenario    overload.yaml

    Every scenario is read before anything is started, also by `robot --dryrun`. A wrong one fails its tests
    with file, line and key, and no cluster is started.
    """

    @keyword(tags=["scenario"])
    def show_runs_live(self, live: Literal["yes", "no"] = "no") -> None:
        """Shows a table on the terminal while a scenario runs: produced, delivered, lag, oldest wait.

        Does nothing if `live` is `no`, and only prints a notice if the console is not a terminal.

        Args:
            live: `yes` or `no`; default `no`.

        Example: `Show Runs Live    yes`
        """
        if live == "no" or SESSION.live is not None:
            return
        SESSION.live = bool(sys.__stdout__ and sys.__stdout__.isatty())
        if not SESSION.live:
            logger.console("\nLIVE needs a terminal, and this console is not one: no table is shown")

    @keyword(tags=["scenario"])
    @with_subject
    def check_consumer(self, **yours: str) -> None:
        """Fails if the consumer under test is described wrongly or its program cannot be started.

        That costs no time, and is known before a cluster and a backlog are there. Does nothing without a
        consumer.

        Args:
            **yours

        Example: `Check Consumer    consumer=./my-consumer --flag`
        """
        if yours.get("command") and not (consumer := consumer_of("yours", yours)).attach:
            check_program(consumer.command)

    @keyword(tags=["scenario", RECORDS])
    @with_subject
    def run_scenario(
        self,
        *modes: str,
        speed: float = 1.0,
        bizon_config: str = "",
        names: Names = "",
        **yours: str,
    ) -> None:
        """Produces the scenario's traffic once while each consumer reads it in a group of its own.

        A scenario that this Robot run has already recorded, with the same arguments, is not run again: each
        suite that names it gets the same recording. Logs the charts of all consumers.

        Args:
            modes: the consumers, of `sync`, `async`, `bizon-sync`, `bizon-async`, `yours`; default the
                first two.
            speed: divides every interval and multiplies the sink's rate; default 1.
            bizon_config: a configuration file that the Bizon modes are based on.
            names: how the topics' names sort; default as in the scenario. `both` makes two runs, side by
                side where the scenario allows it, and each criterion is judged in both.
            **yours

        Fails if no scenario is named or the file is wrong, if no cluster runs, or if the producer or a
        consumer fails; the output folder keeps the recording up to then.

        Example: `Run Scenario    sync    async    speed=10`
        """
        consumers = [consumer_of(mode, yours, bizon_config) for mode in modes or ("sync", "async")]
        for verdict in SESSION.record(SCENARIOS.file(), speed, consumers, names):
            if not SESSION.results.has_charts(verdict):
                log_charts(verdict, [consumer.name for consumer in consumers])

    @keyword(tags=["scenario"])
    @with_subject
    def run_scenarios_side_by_side(
        self,
        *modes: str,
        at_once: int = 1,
        speed: float = 1.0,
        names: Names = "",
        **yours: str,
    ) -> None:
        """Runs the scenarios named in the suites below ahead of time, several on the same cluster at once.

        Each has topics, consumers and groups of its own. `Run Scenario` in one of these suites, with the same
        arguments, uses the recording made here. `Run Scenario` itself runs a scenario with `side_by_side:
        false` in its file, and all scenarios if `at_once` is 1 or a live table is shown.

        Args:
            modes: the consumers, as for `Run Scenario`.
            at_once: how many scenarios run at the same time; default 1.
            speed: as for `Run Scenario`.
            names: as for `Run Scenario`.
            **yours

        Fails if no cluster runs. An error in one of the scenarios fails the `Run Scenario` that uses it.

        Example: `Run Scenarios Side By Side    sync    async    at_once=3`
        """
        files = SCENARIOS.files_below()
        if at_once > 1 and not SESSION.live and len(files) > 1:
            consumers = [consumer_of(mode, yours) for mode in modes or ("sync", "async")]
            SESSION.record_side_by_side(files, speed, consumers, at_once, names)

    @keyword(tags=["scenario"])
    @with_subject
    def start_scenario(
        self,
        name: str,
        /,  # `yours` has a name too, that of the consumer
        *modes: str,
        speed: float = 1.0,
        **yours: str,
    ) -> None:
        """Runs the scenario in the background, and returns when its live traffic has begun.

        Faults injected until `Finish Scenario` become part of the recording.

        Args:
            name: the name of this run, for its folder and for the table of faults.
            modes: the consumers, as for `Run Scenario`; default `async`.
            speed: divides every interval and multiplies the sink's rate; default 1.
            **yours

        Fails as `Run Scenario` does, and if another scenario is running.

        Example: `Start Scenario    killed leader    async`
        """
        consumers = [consumer_of(mode, yours) for mode in modes or ("async",)]
        SESSION.begin(name, SCENARIOS.file(), speed, consumers)

    @keyword(tags=["scenario", RECORDS])
    def finish_scenario(self) -> None:
        """Waits for the end of the started scenario, drain included; its recording is judged next.

        Fails if none was started, and with the error that ended it early.

        Example: `Finish Scenario`
        """
        verdict = SESSION.finish()
        log_charts(verdict, list(verdict.recording.consumers))

    @keyword(tags=["scenario"])
    def abort_scenario(self) -> None:
        """Aborts the started scenario. Does nothing if none is running; for teardowns.

        Example: `Abort Scenario`
        """
        SESSION.abort()

    @keyword(tags=["scenario", "bizon"])
    def require_bizon(self) -> None:
        """Skips the tests that follow, with the reason, if Bizon is not installed or the cluster is the mock.

        The mock cannot report a group's assignment, and the released Bizon does not either.

        Example: `Require Bizon`
        """
        if find_spec("bizon") is None:
            raise SkipExecution(NOT_INSTALLED)
        if SESSION.cluster is not None and SESSION.cluster.kind == "mock":
            raise SkipExecution(
                "needs a real broker, which reports a group's assignment: run with CLUSTER:local"
            )
