"""Criteria of processes: a consumer runs until it is stopped, and then ends in time."""

import numpy as np

from fairpoll.base.text import count_text, plain
from fairpoll.checkers.budgets import seconds_text
from fairpoll.checkers.finding import MAX_EXAMPLES, Finding
from fairpoll.checkers.registry import RealSeconds, criterion
from fairpoll.evidence.facts import Process
from fairpoll.evidence.history import Recording


@criterion("stays alive", keyword="Consumer Should Stay Alive")
def stays_alive(recording: Recording, consumer: str) -> Finding:
    """No process of the consumer ended in the traffic or the drain before Fairpoll stopped it."""
    processes = recording.processes_of(consumer)
    ended = [process for process in processes if process.ended_on_its_own]
    named = "; ".join(_end_of(recording, process) for process in ended[:MAX_EXAMPLES])
    sentence = f"{consumer} {named}" if ended else f"{consumer} ran until it was stopped"
    return Finding(
        expected="runs until it is stopped",
        measured=_exit_text(ended[0]) if ended else "ran until it was stopped" if processes else "unknown",
        sentence=f"{sentence}; expected to run until it is stopped" if processes else _unknown(consumer),
        status="fail" if ended else "pass" if processes else "inconclusive",
        figures={
            "ended": len(ended),
            "at_seconds": round(recording.seconds(ended[0].ended_ms or 0.0), 3) if ended else None,
            "exit_code": ended[0].exit_code if ended else None,
        },
    )


@criterion("stops when asked", keyword="Consumer Should Stop When Asked Within")
def stops_when_asked(recording: Recording, consumer: str, *, seconds: RealSeconds) -> Finding:
    """Each process of the consumer that was sent SIGTERM ended in time, without SIGKILL.

    Fairpoll sends SIGKILL after 15 s. Measured in real seconds; SPEED does not divide them.
    """
    processes = recording.processes_of(consumer)
    took = {
        process: (process.ended_ms - process.terminated_ms) / 1000
        for process in processes
        if process.terminated_ms is not None and process.ended_ms is not None
    }
    slowest = max(took, key=lambda process: took[process], default=None)
    if slowest is None:
        sentence = f"no process of {consumer} was stopped with SIGTERM" if processes else _unknown(consumer)
        return Finding(expected=f"within {seconds:g} s", measured="unknown", sentence=sentence)
    late = took[slowest] > seconds
    killed = any(process.killed_ms is not None for process in took)
    needed = seconds_text(took[slowest], seconds)
    end = (
        f"did not end for {needed} after SIGTERM and was killed"
        if killed
        else f"ended {needed} after SIGTERM"
    )
    return Finding(
        expected=f"within {seconds:g} s",
        measured=f"killed after {needed}" if killed else needed,
        sentence=f"{consumer} {end}, expected within {seconds:g} s",
        # A process that was killed before the limit might still have ended in time.
        status="fail" if late else "inconclusive" if killed else "pass",
        figures={"slowest_seconds": round(took[slowest], 3), "killed": int(killed)},
    )


def _unknown(consumer: str) -> str:
    return f"the recording does not have the processes of {consumer}"


def _end_of(recording: Recording, process: Process) -> str:
    assert process.ended_ms is not None
    at = recording.seconds(process.ended_ms)
    left = int(np.count_nonzero((recording.first(process.consumer) > at) & ~recording.acked.poison))
    member = "second member " if process.member > 1 else ""
    return (
        f"{member}ended on its own with {_exit_text(process)} at second {at:.1f}, with "
        f"{count_text(left, 'message')} of the run not delivered (its last output: "
        f"{plain(process.last_output)})"
    )


def _exit_text(process: Process) -> str:
    code = process.exit_code or 0
    return f"signal {-code}" if code < 0 else f"exit code {code}"
