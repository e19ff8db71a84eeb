"""Records runs on one cluster, in the same way for suites, the pytest fixture and the league."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from fairpoll.base.errors import ScenarioError
from fairpoll.cluster.base import Cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.run.attached import require_attachable
from fairpoll.run.experiment import Experiment
from fairpoll.run.groups import Progress
from fairpoll.run.names import new_run_id
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import WRITTEN, Scenario

# A run with less live traffic shows nothing about a consumer.
SHORTEST_SECONDS = 5.0


def check_speed(scenario: Scenario, speed: float) -> None:
    """Raise ScenarioError if the speed is invalid, or too high for SHORTEST_SECONDS of live traffic."""
    most = scenario.duration_seconds / SHORTEST_SECONDS
    if scenario.at_speed(speed).duration_seconds < SHORTEST_SECONDS:
        raise ScenarioError(f"SPEED is {speed:g}; at most {most:g} here: less traffic proves nothing")


@dataclass
class Recorder(AbstractContextManager["Recorder", None]):
    """Each run gets topics and groups of its own, and a folder below `folder`.

    `delete` removes the topics and groups of all its runs, except those that existed before and groups with
    a fixed name. It is called at the end of a `with` block, also after an error. `registry` notes the
    processes, for a later run to clear if this one is killed.
    """

    cluster: Cluster
    folder: Path
    registry: Registry | None = None
    _experiments: list[Experiment] = field(default_factory=list)

    def prepare(
        self,
        name: str,
        scenario_file: Path,
        speed: float,
        consumers: Sequence[Subject],
        only_volume: str = "",
        names: str = WRITTEN,
    ) -> Experiment:
        """A run of this scenario with these consumers, not started; its folder is made from `name`.

        `names` is the order of the topics' names, `written` or `reversed`.

        Raises ScenarioError if the scenario is wrong or too short at this speed, if its group would be that
        of several consumers, or if a consumer that runs already cannot be judged on it.
        """
        scenario = load_scenario(scenario_file).named(names)
        check_speed(scenario, speed)
        for consumer in consumers:
            require_attachable(scenario, consumer)
        run_id = new_run_id()
        experiment = Experiment(
            scenario_file=scenario_file,
            scenario=scenario,
            speed=speed,
            consumers=consumers,
            cluster=self.cluster,
            run_id=run_id,
            folder=self.folder / f"{_folder_name(name)}-{run_id}",
            registry=self.registry,
            only_volume=only_volume or None,
        )
        _ = experiment.groups  # raises ScenarioError
        self._experiments.append(experiment)
        return experiment

    def record(
        self,
        name: str,
        scenario_file: Path,
        speed: float,
        consumers: Sequence[Subject],
        progress: Progress = lambda _text: None,
        names: str = WRITTEN,
    ) -> Recording:
        """Run the scenario with these consumers side by side; return its recording. Raises FairpollError.

        `names` as for `prepare`.
        """
        experiment = self.prepare(name, scenario_file, speed, consumers, names=names)
        experiment.progress = progress
        experiment.run()
        return load_recording(experiment.folder)

    def delete(self) -> None:
        """Delete the topics and groups of all runs so far from the cluster."""
        own = [experiment.deletable for experiment in self._experiments]
        self._experiments = []
        topics = [name for names, _ in own for name in names]
        self.cluster.delete(dict.fromkeys(topics), [name for _, names in own for name in names])

    def __exit__(self, *_error: object) -> None:
        self.delete()


def _folder_name(name: str) -> str:
    """`A Broker Is Killed` as `a-broker-is-killed`."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-").lower()
