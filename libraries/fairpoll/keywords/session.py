"""The state that the keyword libraries share during one Robot run: cluster, recordings, verdicts."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.base.errors import FairpollError, ScenarioError
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject, names_by_mode
from fairpoll.evidence.measures import oldest_wait
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.keywords.results import RECORDED, Results
from fairpoll.keywords.runs import Run
from fairpoll.keywords.suite_scenarios import NOTHING_RUN, SCENARIOS
from fairpoll.run.experiment import Experiment
from fairpoll.run.live import LiveProgress
from fairpoll.run.progress import ConsoleProgress
from fairpoll.run.recorder import Recorder
from fairpoll.run.running import RunningExperiment
from fairpoll.run.side_by_side import run_side_by_side
from fairpoll.scenarios.file import load_scenario
from fairpoll.verdicts.verdict import Verdict

NO_CLUSTER = "no cluster is running; begin with the keyword 'Ensure Cluster'"
NO_BACKGROUND_RUN = "no scenario is running; begin with the keyword 'Start Scenario'"


@dataclass(frozen=True)
class BackgroundRun:
    """A run that `Start Scenario` started, under the name of its test."""

    name: str
    run: Run
    running: RunningExperiment
    progress: ConsoleProgress | LiveProgress


class Session:
    """The state of one Robot run. Each scenario is run once and judged many times."""

    def __init__(self) -> None:
        self.cluster: Cluster | None = None
        # Whether a table is shown on the terminal while a scenario runs; None: not requested yet.
        self.live: bool | None = None
        self.results = Results()
        # One, or one for each order of the topics' names.
        self.current: list[Verdict] = []
        self._current_run: Run | None = None
        self._verdicts: dict[Run, Verdict] = {}
        # Scenarios recorded side by side: the folder, or the exception.
        self._recorded: dict[Run, Path | BaseException] = {}
        self._background: BackgroundRun | None = None
        self._registry: Registry | None = None
        self._admin: Admin | None = None
        # Its topics and groups are deleted at the end, so that Kafka UI can be looked at before.
        self._recorder: Recorder | None = None

    def ensure_cluster(self, kind: str, options: ClusterOptions) -> Cluster:
        """The running cluster; the first call starts it.

        Raises ScenarioError, and starts none, if a scenario that the suites name is wrong.
        """
        if self.cluster is None:
            self.results.open()
            with self.results.noting(""):
                if SCENARIOS.errors:
                    raise ScenarioError(SCENARIOS.errors)
                progress, self._registry = _progress(), Registry()
                with self.results.stopwatch("cluster started"):
                    self.cluster = open_cluster(
                        kind, options, self._registry, warn=logger.warn, progress=progress
                    )
                self._recorder = Recorder(self.cluster, self.results.folder / "evidence", self._registry)
                self._registry.at_end(self._recorder.delete)
            progress.clear()
            logger.info(f"Cluster: {self.cluster.description}")
            BuiltIn().set_suite_metadata("Broker", self.cluster.description, top=True)
        return self.cluster

    def record(
        self, scenario_file: Path, speed: float, consumers: Sequence[Subject], names: str = ""
    ) -> list[Verdict]:
        """Run the scenario, unless this session has run it; its verdicts are those judged next.

        There is one for each order of the topics' names; `names` is "" for those that the scenario asks for.
        """
        runs = Run(scenario_file.resolve(), speed, tuple(consumers)).in_orders(names)
        with self.results.noting(scenario_file.name):
            if len(runs) > 1:
                self._run_side_by_side(runs, len(runs))
            return self._judge_next([self._verdict_of(one) for one in runs], runs[0])

    def record_side_by_side(
        self,
        scenario_files: Sequence[Path],
        speed: float,
        consumers: Sequence[Subject],
        at_once: int,
        names: str = "",
    ) -> None:
        """Run the scenarios, `at_once` at the same time, for `record` to use their recordings.

        Scenarios that must run alone are not run. `names` as for `record`.
        """
        runs = [Run(path.resolve(), speed, tuple(consumers)) for path in dict.fromkeys(scenario_files)]
        self._run_side_by_side([one for run in runs for one in run.in_orders(names)], at_once)

    def _run_side_by_side(self, runs: Sequence[Run], at_once: int) -> None:
        experiments = {
            run: self._experiment(run)
            for run in runs
            if run not in {**self._verdicts, **self._recorded}
            and load_scenario(run.scenario_file).may_run_beside_others
        }
        if not experiments:
            return
        progress = _progress()
        try:
            with self.results.stopwatch(RECORDED):
                errors = run_side_by_side(list(experiments.values()), at_once, progress)
        finally:
            progress.clear()
        for (run, experiment), error in zip(experiments.items(), errors, strict=True):
            self._recorded[run] = error or experiment.folder

    def begin(self, name: str, scenario_file: Path, speed: float, consumers: Sequence[Subject]) -> None:
        """Run the scenario in the background, under this name; return when its live traffic has begun."""
        if self._background:
            raise FairpollError("a scenario is running already; end it with the keyword 'Finish Scenario'")
        with self.results.noting(name):
            run = Run(scenario_file.resolve(), speed, tuple(consumers))
            experiment = self._experiment(run, name)
            progress = self._follow(experiment)
            self._background = BackgroundRun(name, run, RunningExperiment(experiment), progress)
            self._background.running.wait_for_traffic()

    def running(self) -> RunningExperiment:
        """The run in the background. Raises FairpollError if there is none, and the error that ended it."""
        if self._background is None:
            raise FairpollError(NO_BACKGROUND_RUN)
        self._background.running.check()
        return self._background.running

    def running_consumer(self, mode: str) -> str:
        """The name of the consumer that suites call `mode` in the background run. Raises FairpollError."""
        names = names_by_mode(self.running().experiment.consumers)
        if mode not in names:
            raise FairpollError(f"no consumer '{mode}' is running; this run has: {', '.join(names)}")
        return names[mode]

    def finish(self) -> Verdict:
        """Wait for the run in the background; its verdict is judged next."""
        if self._background is None:
            raise FairpollError(NO_BACKGROUND_RUN)
        background, self._background = self._background, None
        with self.results.noting(background.name):
            try:
                background.running.finish()
            finally:
                background.progress.clear()
        verdict = self._load(background.running.experiment.folder)
        self._judge_next([verdict], background.run)
        return verdict

    def abort(self) -> None:
        """Abort the run in the background, if there is one."""
        if self._background:
            background, self._background = self._background, None
            background.running.abort()
            background.progress.clear()

    def verdicts(self) -> list[Verdict]:
        """The verdict on the recording made last, in each order of names. Raises FairpollError if none is."""
        if not self.current:
            raise FairpollError(NOTHING_RUN)
        return self.current

    def verdict(self) -> Verdict:
        """The first of the verdicts. Raises FairpollError if there is none."""
        return self.verdicts()[0]

    def consumer(self, mode: str) -> str:
        """The name of the current recording's consumer that suites call `mode`. Raises ValueError."""
        recorded = {name: name for name in self.verdict().recording.consumers}
        names = names_by_mode(self._current_run.consumers) if self._current_run else recorded
        if mode not in names:
            raise ValueError(f"unknown mode '{mode}'; this run has: {', '.join(names)}")
        return names[mode]

    def solo_wait(self, mode: str, volume: str) -> float:
        """This consumer's oldest wait, in seconds, when the current scenario runs with this volume alone."""
        if self._current_run is None:
            raise FairpollError(NOTHING_RUN)
        name = self.consumer(mode)
        consumers = tuple(consumer for consumer in self._current_run.consumers if consumer.name == name)
        run = replace(self._current_run, consumers=consumers, only_volume=volume)
        recording = self._verdict_of(run).recording
        return oldest_wait(recording, name, recording.topics_of(volume))[0]

    def admin(self) -> Admin:
        """The admin client of the cluster. Raises FairpollError if no cluster runs."""
        if self.cluster is None or self._registry is None:
            raise FairpollError(NO_CLUSTER)
        if self._admin is None:
            log = self.results.folder / "evidence" / "cluster" / "admin-questions.log"
            self._admin = Admin(self.cluster.client_config, log)
            self._registry.at_end(self._admin.close)
        return self._admin

    def close(self) -> None:
        """Stop what is running, the last first, and write the summary; raise an error when all are stopped.

        Robot calls it at its end, also after Ctrl-C.
        """
        with ExitStack() as last_first:
            last_first.callback(self._stop_cluster)
            last_first.callback(self.results.close, self.cluster.description if self.cluster else "")
            last_first.callback(self.abort)

    def _stop_cluster(self) -> None:
        registry, self._registry, self.cluster, self._admin = self._registry, None, None, None
        self._recorder = None
        if registry is not None:
            with self.results.stopwatch("cluster stopped"):
                registry.close()

    def _judge_next(self, verdicts: list[Verdict], run: Run) -> list[Verdict]:
        for verdict in verdicts:
            if not any(known is verdict for known in self.results.verdicts):
                self.results.verdicts.append(verdict)
        self.current, self._current_run = verdicts, run
        return verdicts

    def _verdict_of(self, run: Run) -> Verdict:
        """The verdict on this run, which is run if it has not been. Raises the error that ended the run."""
        if run not in self._verdicts:
            recorded = self._recorded.get(run)
            if isinstance(recorded, BaseException):
                raise recorded
            self._verdicts[run] = self._load(recorded or self._run(run))
        return self._verdicts[run]

    def _run(self, run: Run) -> Path:
        """Run it in the foreground, and return the recording's folder."""
        experiment = self._experiment(run)
        progress = self._follow(experiment)
        try:
            with self.results.stopwatch(RECORDED):
                experiment.run()
        finally:
            progress.clear()
        return experiment.folder

    def _load(self, folder: Path) -> Verdict:
        logger.info(f"Evidence: {folder}")
        with self.results.stopwatch("recordings read"):
            return Verdict(load_recording(folder))

    def _follow(self, experiment: Experiment) -> ConsoleProgress | LiveProgress:
        """Show the experiment's progress on the console; the caller clears it at the end."""
        terminal = sys.__stdout__ if self.live else None
        progress = LiveProgress(experiment, terminal) if terminal else _progress()
        experiment.progress = progress
        return progress

    def _experiment(self, run: Run, name: str = "") -> Experiment:
        """A run that has not begun; its folder is made from `name`, by default the scenario's."""
        if self._recorder is None:
            raise FairpollError(NO_CLUSTER)
        return self._recorder.prepare(
            name or run.folder_name,
            run.scenario_file,
            run.speed,
            run.consumers,
            run.only_volume,
            run.names,
        )


def _progress() -> ConsoleProgress:
    """Progress on the console, below Robot's unfinished line with the test's name."""
    began = False

    def write(text: str) -> None:
        nonlocal began
        logger.console(text if began or not text.endswith("\n") else "\n" + text, newline=False)
        began = True

    return ConsoleProgress(write)


SESSION = Session()
