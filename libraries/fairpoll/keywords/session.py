"""What the keyword libraries share during one Robot run: the cluster, the recordings, the verdicts."""

import re
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.base.errors import FairpollError, ScenarioError
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.leftovers import Registry
from fairpoll.evidence.loading import load_recording
from fairpoll.evidence.measures import oldest_wait
from fairpoll.keywords.planned import PLANNED
from fairpoll.keywords.results import RECORDED, Results
from fairpoll.run.experiment import Experiment
from fairpoll.run.live import LiveProgress
from fairpoll.run.members import ConsumerUnderTest, names_by_mode
from fairpoll.run.progress import ConsoleProgress
from fairpoll.run.running import RunningExperiment
from fairpoll.run.side_by_side import run_side_by_side
from fairpoll.scenarios.file import load_scenario
from fairpoll.verdicts.verdict import Verdict

# Less live traffic than this is over before a consumer has shown how it goes on.
SHORTEST_SECONDS = 5.0
NOTHING_RUN = "no scenario has been run yet; let 'Run Both Modes On' or 'Run Scenario' be the suite's setup"


def _progress() -> ConsoleProgress:
    """The name of the test that runs stands without a line end before the first of our lines."""
    began = False

    def say(text: str) -> None:
        nonlocal began
        logger.console(text if began or not text.endswith("\n") else "\n" + text, newline=False)
        began = True

    return ConsoleProgress(say)


# A scenario file, its speed, and the consumers it was run with.
Run = tuple[Path, float, tuple[ConsumerUnderTest, ...]]


class Session:
    """The state of one Robot run. Each scenario is run once and judged many times."""

    def __init__(self) -> None:
        self.cluster: Cluster | None = None
        # Whether a table is shown on the terminal while a scenario runs; None: nobody has asked for it.
        self.live: bool | None = None
        self.current: Verdict | None = None
        self._current_run: Run | None = None
        # The word that suites use for each consumer of the current recording -> its name there.
        self._names: dict[str, str] = {}
        self._verdicts: dict[Run, Verdict] = {}
        # What was run before it was asked for: its folder, or what has ended it.
        self._recorded: dict[Run, Path | BaseException] = {}
        self.results = Results()
        self._running: RunningExperiment | None = None
        self._running_name = ""
        self._running_progress: ConsoleProgress | LiveProgress = _progress()
        self._solo: dict[tuple[Path, float, tuple[ConsumerUnderTest, ...], str], float] = {}
        self._registry: Registry | None = None
        self._admin: Admin | None = None
        # Topics and groups of every run: they can be looked at until this session ends.
        self._created: tuple[list[str], list[str]] = ([], [])

    def ensure_cluster(self, kind: str, options: ClusterOptions) -> Cluster:
        """The running cluster; started at the first call, the same one ever after.

        Raises ScenarioError, and starts none, while a scenario that the suites name is wrong.
        """
        if self.cluster is None:
            self.results.open()
            with self.results.noting(""):
                if PLANNED.wrong:
                    raise ScenarioError(PLANNED.wrong)
                with self.results.stopwatch("cluster started"):
                    self.cluster = self._start_cluster(kind, options)
        return self.cluster

    def _start_cluster(self, kind: str, options: ClusterOptions) -> Cluster:
        progress = _progress()
        self._registry = Registry()
        cluster = open_cluster(kind, options, self._registry, warn=logger.warn, progress=progress)
        progress.clear()
        logger.info(f"Cluster: {cluster.description}")
        BuiltIn().set_suite_metadata("Broker", cluster.description, top=True)
        return cluster

    def record(self, scenario_file: Path, speed: float, consumers: Sequence[ConsumerUnderTest]) -> Verdict:
        """Run the scenario, or take the run that this session already has of it; it becomes `current`."""
        key = (scenario_file.resolve(), speed, tuple(consumers))
        if key not in self._verdicts:
            with self.results.noting(scenario_file.name):
                self._verdicts[key] = self._taken(key) or self._run(scenario_file, speed, consumers)
            self.results.verdicts.append(self._verdicts[key])
        self.current, self._current_run = self._verdicts[key], key
        self._names = names_by_mode(consumers)
        return self.current

    def record_side_by_side(
        self,
        scenario_files: Sequence[Path],
        speed: float,
        consumers: Sequence[ConsumerUnderTest],
        at_once: int,
    ) -> None:
        """Run them, so many at a time, for `record` to take; those that must be alone are left to it."""
        runs: list[Run] = [(path.resolve(), speed, tuple(consumers)) for path in scenario_files]
        experiments = {
            run: self._experiment(run[0].stem, *run)
            for run in dict.fromkeys(runs)
            if run not in self._verdicts and load_scenario(run[0]).side_by_side
        }
        progress = _progress()
        try:
            with self.results.stopwatch(RECORDED):
                errors = run_side_by_side(list(experiments.values()), at_once, progress)
        finally:
            progress.clear()
        for (run, experiment), error in zip(experiments.items(), errors, strict=True):
            self._recorded[run] = error or experiment.folder

    def _taken(self, run: Run) -> Verdict | None:
        """The run that was made side by side with others. Raises what has ended it."""
        recorded = self._recorded.get(run)
        if isinstance(recorded, BaseException):
            raise recorded
        return self._load(recorded) if recorded else None

    def begin(
        self, name: str, scenario_file: Path, speed: float, consumers: Sequence[ConsumerUnderTest]
    ) -> None:
        """Run the scenario in the background, under this name; return when its live traffic has begun."""
        if self._running:
            raise FairpollError("a scenario is being run already; end it with the keyword 'Finish Scenario'")
        self._running_name = name
        with self.results.noting(name):
            experiment = self._experiment(name, scenario_file, speed, consumers)
            self._running_progress = self._follow(experiment)
            self._running = RunningExperiment(experiment)
            self._running.wait_for_traffic()

    def running(self) -> RunningExperiment:
        """The one in the background. Raises FairpollError when there is none, and what has ended it."""
        if self._running is None:
            raise FairpollError("no scenario is being run; begin with the keyword 'Start Scenario'")
        self._running.check()
        return self._running

    def finish(self) -> Verdict:
        """Wait for the run in the background; its recording becomes `current`."""
        with self.results.noting(self._running_name):
            running = self.running()
            try:
                running.finish()
            finally:
                self._running = None
                self._running_progress.clear()
        self.current, self._current_run = self._load(running.experiment.folder), None
        self._names = names_by_mode(running.experiment.consumers)
        self.results.verdicts.append(self.current)
        return self.current

    def abort(self) -> None:
        """Break off the run in the background, if there is one."""
        if self._running:
            running, self._running = self._running, None
            running.abort()
            self._running_progress.clear()

    def consumer(self, mode: str) -> str:
        """The name of the current recording's consumer that suites call `mode`. Raises ValueError."""
        names = self._names or {name: name for name in self.verdict().recording.consumers}
        if mode not in names:
            raise ValueError(f"unknown mode '{mode}'; this run has: {', '.join(names)}")
        return names[mode]

    def solo_wait(self, mode: str, volume: str) -> float:
        """This consumer's oldest wait, in seconds, when the current scenario runs with this volume alone."""
        if self._current_run is None:
            raise FairpollError(NOTHING_RUN)
        scenario_file, speed, consumers = self._current_run
        alone = tuple(one for one in consumers if (one.mode or one.name) == mode)
        key = (scenario_file, speed, alone, volume)
        if key not in self._solo:
            recording = self._run(scenario_file, speed, alone, only_volume=volume).recording
            self._solo[key] = oldest_wait(recording, alone[0].name, recording.topics_of(volume))[0]
        return self._solo[key]

    def verdict(self) -> Verdict:
        if self.current is None:
            raise FairpollError(NOTHING_RUN)
        return self.current

    def admin(self) -> Admin:
        """To ask the brokers themselves. Raises FairpollError when no cluster runs."""
        if self.cluster is None:
            raise FairpollError("no cluster is running; begin with the keyword 'Ensure Cluster'")
        if self._admin is None:
            log = self.results.folder / "evidence" / "cluster" / "admin-questions.log"
            self._admin = Admin(self.cluster.client_config, log)
        return self._admin

    def name_on_cluster(self, kind: str, name: str) -> str:
        """What the current recording's topic or consumer is called there; `kind` is topics or groups.

        Raises FairpollError naming those that there are.
        """
        names: dict[str, str] = self.verdict().recording.facts[kind]
        if name not in names:
            raise FairpollError(f"no '{name}' among this run's {kind}: {', '.join(names)}")
        return names[name]

    def close(self) -> None:
        """Stop what still runs. Called by Robot at its end, also after Ctrl-C."""
        self.abort()
        if self._admin is not None:
            self._admin.close()
            self._admin = None
        self.results.close(self.cluster.description if self.cluster else "")
        if self.cluster is not None:
            try:
                self.cluster.delete(*self._created)
            finally:
                with self.results.stopwatch("cluster stopped"):
                    self.cluster.stop()
                self.cluster, self._created = None, ([], [])
        if self._registry is not None:
            self._registry.close()
            self._registry = None

    def _run(
        self,
        scenario_file: Path,
        speed: float,
        consumers: Sequence[ConsumerUnderTest],
        only_volume: str | None = None,
    ) -> Verdict:
        name = scenario_file.stem + (f"-{only_volume}-alone" if only_volume else "")
        experiment = self._experiment(name, scenario_file, speed, consumers, only_volume)
        progress = self._follow(experiment)
        try:
            with self.results.stopwatch(RECORDED):
                experiment.run()
        finally:
            progress.clear()
        return self._load(experiment.folder)

    def _load(self, folder: Path) -> Verdict:
        logger.info(f"Evidence: {folder}")
        with self.results.stopwatch("recordings read"):
            return Verdict(load_recording(folder))

    def _follow(self, experiment: Experiment) -> ConsoleProgress | LiveProgress:
        """Show on the console how it goes on; to be cleared at its end."""
        terminal = sys.__stdout__ if self.live else None
        progress = LiveProgress(experiment, terminal) if terminal else _progress()
        experiment.progress = progress
        return progress

    def _experiment(
        self,
        name: str,
        scenario_file: Path,
        speed: float,
        consumers: Sequence[ConsumerUnderTest],
        only_volume: str | None = None,
    ) -> Experiment:
        if self.cluster is None:
            raise FairpollError("no cluster is running; begin with the keyword 'Ensure Cluster'")
        scenario = load_scenario(scenario_file)
        if scenario.at_speed(speed).duration_seconds < SHORTEST_SECONDS:
            most = scenario.duration_seconds / SHORTEST_SECONDS
            raise ScenarioError(f"SPEED is {speed:g}; at most {most:g} here: less traffic proves nothing")
        run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        experiment = Experiment(
            scenario_file=scenario_file,
            scenario=scenario,
            speed=speed,
            consumers=consumers,
            cluster=self.cluster,
            run_id=run_id,
            folder=self.results.folder / "evidence" / f"{_slug(name)}-{run_id}",
            registry=self._registry,
            only_volume=only_volume,
        )
        topics, groups = self._created
        topics += experiment.topic_names.values()
        groups += experiment.groups.values()
        return experiment


def _slug(name: str) -> str:
    """`A Broker Is Killed` as `a-broker-is-killed`: a name for a folder."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-").lower()


SESSION = Session()
