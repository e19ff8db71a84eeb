"""Runs several experiments on one cluster, a few at a time, because one leaves most of a machine idle."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from fairpoll.base.waiting import wait_until
from fairpoll.run.experiment import Experiment
from fairpoll.run.groups import Progress
from fairpoll.run.running import RunningExperiment

# The slowest of a batch has its backlog produced and its consumers assigned within this time.
MEET_SECONDS = 240.0
RUN_SECONDS = 1800.0


def run_side_by_side(
    experiments: Sequence[Experiment], at_once: int, progress: Progress
) -> list[BaseException | None]:
    """Run all experiments, `at_once` at a time; return the error that ended each one, or None.

    A batch starts its live traffic together, when the last experiment is ready: starting processes and
    producing a backlog load the machine, and would disturb another's run. Experiments of similar duration
    are in one batch.
    """
    outcome: dict[int, BaseException | None] = {}
    by_duration = sorted(
        range(len(experiments)), key=lambda index: experiments[index].scenario.duration_seconds
    )
    for first in range(0, len(by_duration), at_once):
        together = by_duration[first : first + at_once]
        errors = _run_together([experiments[index] for index in together], progress)
        outcome.update(zip(together, errors, strict=True))
    return [outcome[index] for index in range(len(experiments))]


def _run_together(experiments: Sequence[Experiment], progress: Progress) -> list[BaseException | None]:
    meeting = threading.Barrier(len(experiments))
    states: dict[str, str] = {}
    for experiment in experiments:
        experiment.meet = lambda: _meet(meeting)
        experiment.progress = _keep(states, experiment.folder.name.removesuffix(f"-{experiment.run_id}"))
    running = [RunningExperiment(experiment) for experiment in experiments]

    def over() -> bool:
        if any(run.over and not run.experiment.started.is_set() for run in running):
            meeting.abort()  # it ended early; the others start without it
        progress("; ".join(f"{name}: {text}" for name, text in states.items()))
        return all(run.over for run in running)

    try:
        wait_until(over, RUN_SECONDS, f"{len(running)} scenarios to end", interval_seconds=0.2)
    finally:
        for run in running:
            run.abort()
    return [run.error for run in running]


def _meet(meeting: threading.Barrier) -> None:
    with suppress(threading.BrokenBarrierError):
        meeting.wait(MEET_SECONDS)


def _keep(states: dict[str, str], name: str) -> Callable[[str], None]:
    """A progress that keeps the last state by name, without its counts: all share one line."""

    def keep(text: str) -> None:
        states[name] = text.partition(";")[0]

    return keep
