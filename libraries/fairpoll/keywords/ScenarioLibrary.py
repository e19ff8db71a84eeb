"""Keywords that run a scenario and record what happened."""

import sys
from importlib.util import find_spec
from typing import Literal

from robot.api import SkipExecution, logger
from robot.api.deco import keyword, library

from fairpoll.keywords.judging import log_charts
from fairpoll.keywords.planned import PLANNED
from fairpoll.keywords.session import SESSION
from fairpoll.run.modes import Yours, consumer_of
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.packaged import find_scenario


@library(scope="GLOBAL", doc_format="MARKDOWN", listener=PLANNED)
class ScenarioLibrary:
    """Runs a scenario once, with several consumers side by side, and leaves a recording to judge."""

    @keyword
    def show_runs_live(self, live: Literal["yes", "no"] = "no") -> None:
        """Shows a table on the terminal while `Run Scenario` runs: produced, delivered, lag, oldest wait.

        Args:
            live: `yes` or `no`; default `no`.

        Where the console is no terminal it says so once, and nothing else changes. Does nothing when
        `live` is `no`. Fails if it is neither.

        Example: `Show Runs Live    yes`
        """
        if live == "no" or SESSION.live is not None:
            return
        SESSION.live = bool(sys.__stdout__ and sys.__stdout__.isatty())
        if not SESSION.live:
            logger.console("\nLIVE needs a terminal, and this console is none: going on without the table")

    @keyword
    def run_scenario(
        self,
        scenario: str,
        *modes: str,
        speed: float = 1.0,
        consumer: str = "",
        fields: str = "",
        bizon_config: str = "",
        consumer_name: str = "",
        shows: str = "",
    ) -> None:
        """Produces the scenario's traffic once while each consumer reads it in a group of its own.

        A scenario that this Robot run has already recorded at this speed is not run again: each suite
        can ask for it and gets the same recording. Logs the charts of all consumers.

        Args:
            scenario: name of a file in resources/scenarios, or a path.
            modes: the consumers, of `sync`, `async`, `bizon-sync`, `bizon-async`, `yours`; default the
                first two.
            speed: divides every interval and multiplies the sink's rate; default 1.
            consumer: a command: what `yours` runs, and `async` in place of the built-in consumer. It is
                told what to do as docs/reference/consumer-contract.md says.
            fields: where a line of its output files has what, unless it writes them as the built-in ones
                do, such as `topic=meta.topic partition=meta.partition offset=meta.offset`.
            bizon_config: a configuration file that the Bizon modes begin from.
            consumer_name: the command's name in findings, pages and verdict.json; default: its last word
                that is not an option, such as `consumer.py`.
            shows: the kinds of evidence that it declares, of `records contents places assignments buffers`; a
                criterion that needs another kind, which it does not leave either, is skipped. Default: those
                of output files where `fields` are given, else none.

        Fails if the scenario file is wrong, if no cluster runs, or if the producer or a consumer
        cannot do its work; what was recorded until then stays in the output folder.

        Example: `Run Scenario    specified.yaml    sync    async    speed=10`
        """
        yours = Yours(consumer, fields, bizon_config, consumer_name, shows)
        consumers = [consumer_of(mode, yours) for mode in modes or ("sync", "async")]
        verdict = SESSION.record(find_scenario(scenario), speed, consumers)
        if not SESSION.results.has_charts(verdict):
            log_charts(verdict, [consumer.name for consumer in consumers])

    @keyword
    def run_scenarios_side_by_side(
        self,
        called: str,
        *modes: str,
        at_once: int = 1,
        speed: float = 1.0,
        consumer: str = "",
        fields: str = "",
        consumer_name: str = "",
        shows: str = "",
    ) -> None:
        """Runs, before they are asked for, the scenarios that the suites below give to the keyword `called`.

        So many at a time on the same cluster, each with topics, consumers and groups of its own. Who asks for
        one of them later, with the same modes, speed and consumer, gets the recording made here. A scenario
        whose file says `side_by_side: false` is left to be run by itself, and so are all when `at_once` is 1
        or a live table is shown.

        Args:
            called: the keyword's name.
            modes: the consumers, as for `Run Scenario`.
            at_once: how many scenarios at a time; default 1.
            speed: as for `Run Scenario`.
            consumer: as for `Run Scenario`.
            fields: as for `Run Scenario`.
            consumer_name: as for `Run Scenario`.
            shows: as for `Run Scenario`.

        What goes wrong with one of them is told when it is asked for. Fails if no cluster runs.

        Example: `Run Scenarios Side By Side    Run Both Modes On    sync    async    at_once=3`
        """
        files = [find_scenario(name) for name in PLANNED.given_to(called)]
        if at_once > 1 and not SESSION.live and len(files) > 1:
            yours = Yours(consumer, fields, name=consumer_name, shows=shows)
            consumers = [consumer_of(mode, yours) for mode in modes or ("sync", "async")]
            SESSION.record_side_by_side(files, speed, consumers, at_once)

    @keyword
    def start_scenario(
        self,
        name: str,
        scenario: str,
        *modes: str,
        speed: float = 1.0,
        consumer: str = "",
        fields: str = "",
        consumer_name: str = "",
        shows: str = "",
    ) -> None:
        """Runs a scenario in the background, and returns when its live traffic has begun.

        What is done to brokers, consumers or producer until `Finish Scenario` becomes part of the recording.

        Args:
            name: of this run, for its folder and for the table of faults.
            scenario: name of a file in resources/scenarios, or a path.
            modes: the consumers, as for `Run Scenario`; default `async`.
            speed: divides every interval and multiplies the sink's rate; default 1.
            consumer: a command to be judged, as for `Run Scenario`.
            fields: the mapping of its output format, as for `Run Scenario`.
            consumer_name: as for `Run Scenario`.
            shows: as for `Run Scenario`.

        Fails as `Run Scenario` does, and if another is being run.

        Example: `Start Scenario    killed leader    faults.yaml    async`
        """
        yours = Yours(consumer, fields, name=consumer_name, shows=shows)
        consumers = [consumer_of(mode, yours) for mode in modes or ("async",)]
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
        """Breaks off the scenario that was started. Does nothing when none is being run; for teardowns.

        Example: `Abandon Scenario`
        """
        SESSION.abort()

    @keyword
    def bizon_is_needed(self) -> None:
        """Skips the tests that follow, with the reason, where Bizon is not installed, and on the mock.

        The mock cannot tell whether a group has its partitions, and the released Bizon does not say it.
        Does nothing otherwise.

        Example: `Bizon Is Needed`
        """
        if find_spec("bizon") is None:
            raise SkipExecution("Bizon is not installed: pip install 'fairpoll[bizon]'")
        if SESSION.cluster is not None and SESSION.cluster.kind == "mock":
            raise SkipExecution("needs a real broker, to tell a group's assignment: run with CLUSTER:local")

    @keyword
    def scenario_should_be_valid(self, scenario: str) -> None:
        """Fails if the scenario file is wrong; names the line, the key and what is allowed there.

        Args:
            scenario: name of a file in resources/scenarios, or a path.

        Example: `Scenario Should Be Valid    specified.yaml`
        """
        load_scenario(find_scenario(scenario))
