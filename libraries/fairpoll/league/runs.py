"""Runs the league: builds the contestants, runs batches of them on the same traffic, judges each run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from fairpoll.base.errors import ConsumerError, DeadlineError, HistoryError, LeagueError
from fairpoll.cluster import Cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.league.contestants import Contestant, build, built_in
from fairpoll.league.rows import CONDITIONS, Condition, Row, row_of
from fairpoll.run.recorder import Recorder
from fairpoll.scenarios.model import CONTROL
from fairpoll.verdicts.verdict import Verdict

Report = Callable[[str], None]
# Errors that a contestant may cause; any other error ends the league.
CONTESTANTS_OWN = (ConsumerError, DeadlineError, HistoryError)


@dataclass
class League:
    """A league on one cluster; `folder` gets the evidence and the logs of the builds.

    `report` is called with a line for each step, `progress` often with the state of the current run.
    """

    cluster: Cluster
    scenario_file: Path
    speed: float
    together: int
    folder: Path
    registry: Registry
    report: Report = lambda _text: None
    progress: Report = lambda _text: None
    _control: Contestant = field(default_factory=lambda: built_in()[0])

    def run(self, contestants: Sequence[Contestant], done: Callable[[list[Row]], object]) -> list[Row]:
        """Run all of them under every condition; `done` is given all rows so far after each batch.

        Any command can be a contestant. One that cannot be built or run gets a row with the reason.
        Raises FairpollError when the cluster or the producer fails.
        """
        able, reasons = self._build_all(contestants)
        rows = [
            Row(one, condition, "not run", reasons[one.key])
            for condition in CONDITIONS
            for one in contestants
            if one.key in reasons
        ]
        for condition in CONDITIONS:
            scenario_file = self._scenario(condition)
            for batch in self._batches(able):
                rows += self._run_batch(batch, condition, scenario_file)
                done(rows)
        return rows

    def _build_all(self, contestants: Sequence[Contestant]) -> tuple[list[Contestant], dict[str, str]]:
        """Those that can run, and by key why the others cannot."""
        able: list[Contestant] = []
        reasons: dict[str, str] = {}
        for one in contestants:
            if missing := one.missing():
                reasons[one.key] = f"needs {', '.join(missing)}"
            else:
                if one.build:
                    self.progress(f"building {one.name}")
                try:
                    if build(one, self.folder / "builds" / f"{one.key}.log"):
                        self.report(f"built {one.name}")
                    able.append(one)
                except LeagueError as error:
                    reasons[one.key] = str(error)
            if one.key in reasons:
                self.report(f"{one.name} is not run: {reasons[one.key]}")
        return able, reasons

    def _batches(self, able: Sequence[Contestant]) -> list[list[Contestant]]:
        """Batches of at most `together`. The control runs in all of them, and is judged in the first."""
        others = [one for one in able if one.key != CONTROL]
        batches = [others[at : at + self.together] for at in range(0, len(others), self.together)]
        if len(others) < len(able):
            batches[:1] = [[self._control, *(batches[0] if batches else [])]]
        return batches

    def _scenario(self, condition: Condition) -> Path:
        """The scenario file itself, or one without a backlog that is written beside the evidence."""
        if condition.backlog:
            return self.scenario_file
        path = self.folder / f"{self.scenario_file.stem}-{condition.key}.yaml"
        write_without_backlog(self.scenario_file, path)
        return path

    def _run_batch(self, batch: Sequence[Contestant], condition: Condition, scenario: Path) -> list[Row]:
        """One run of all of them; if it fails, one run of each, to find the contestant that caused it."""
        names = ", ".join(one.name for one in batch)
        self.report(f"{condition.title}: {names}")
        try:
            return self._record(batch, condition, scenario)
        except CONTESTANTS_OWN as error:
            if len(batch) == 1:
                self.report(f"{names} failed: {error}")
                return [Row(batch[0], condition, "failed", self._without_folders(str(error), batch[0]))]
            self.report("one of them ended the run, so each is run alone")
            return [row for one in batch for row in self._run_batch([one], condition, scenario)]

    def _without_folders(self, error: str, contestant: Contestant) -> str:
        """The message without the folders of this machine, for pages that are published."""
        for folder in (self.folder, contestant.folder):
            error = error.replace(f"{folder}/", "").replace(f" {folder}", "")
        return error

    def _record(self, batch: Sequence[Contestant], condition: Condition, scenario_file: Path) -> list[Row]:
        others = [one.under_test(tuned=condition.tuned) for one in batch if one.key != CONTROL]
        consumers = [self._control.under_test(), *others]
        with Recorder(self.cluster, self.folder / "evidence", self.registry) as recorder:
            recording = recorder.record(
                condition.key, scenario_file, self.speed, consumers, self.progress, condition.names
            )
        verdict = Verdict(recording)
        rows = [row_of(verdict, one, condition) for one in batch]
        verdict.write()
        evidence = str(recording.folder.relative_to(self.folder))
        return [
            replace(row, why=self._without_folders(row.why, row.contestant), evidence=evidence)
            for row in rows
        ]


def write_without_backlog(source: Path, target: Path) -> None:
    """Write the scenario without a backlog, and so without a minimum wait of the control."""
    data = yaml.safe_load(source.read_text("utf-8"))
    data["title"] += ", without a backlog"
    data.pop("control_waits_at_least", None)
    for topic in data["topics"].values():
        topic.pop("backlog", None)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), "utf-8")
