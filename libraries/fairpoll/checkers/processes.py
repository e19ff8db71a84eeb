"""Criteria of processes: a consumer runs until it is stopped, and then ends in time."""

from collections.abc import Sequence

import numpy as np

from fairpoll.base.text import count_text, plain
from fairpoll.checkers.budgets import seconds_text
from fairpoll.checkers.finding import MAX_EXAMPLES, Finding
from fairpoll.checkers.registry import RealSeconds, criterion
from fairpoll.contract.subject import MOST_RESTARTS
from fairpoll.evidence.facts import LeftProcess, Process
from fairpoll.evidence.history import Recording

# What clients log when a static member is refused: the error's name, and librdkafka's text for it.
REFUSED = ("unreleasedinstanceid", "unreleased_instance_id", "instance id is still used by another member")


@criterion("stays alive", keyword="Consumer Should Stay Alive", needs="processes")
def stays_alive(recording: Recording, consumer: str) -> Finding:
    """No process of the consumer ended in the traffic or the drain before Fairpoll stopped it.

    With RESTART, as under a supervisor, a process may end up to five times and is started again. The sentence
    names a static member that the coordinator refused (UnreleasedInstanceId).
    """
    processes = recording.processes_of(consumer)
    restarted = [process for process in processes if process.restarted]
    ended = [process for process in processes if process.ended_on_its_own and not process.restarted]
    named = "; ".join(_end_of(recording, process) for process in (ended or restarted)[:MAX_EXAMPLES])
    times = "once" if len(restarted) == 1 else count_text(len(restarted), "time")
    if ended:
        before = f"; before, it was started again {times}" if restarted else ""
        sentence, measured = f"{consumer} {named}{before}", _exit_text(ended[0])
    elif restarted:
        sentence, measured = f"{consumer} {named}; it was started again {times}", f"started again {times}"
    else:
        sentence, measured = f"{consumer} ran until it was stopped", "ran until it was stopped"
    if not processes:
        sentence, measured = _unknown(consumer), "unknown"
    allowed = f", with at most {MOST_RESTARTS} restarts by RESTART" if restarted else ""
    return Finding(
        expected="runs until it is stopped",
        measured=measured,
        sentence=f"{sentence}; expected to run until it is stopped{allowed}" if processes else sentence,
        status="fail" if ended else "pass" if processes else "inconclusive",
        figures={
            "ended": len(ended),
            "at_seconds": round(recording.seconds(ended[0].ended_ms or 0.0), 3) if ended else None,
            "exit_code": ended[0].exit_code if ended else None,
            **({"restarted": len(restarted)} if restarted else {}),
        },
    )


@criterion("stops when asked", keyword="Consumer Should Stop When Asked Within", needs="processes")
def stops_when_asked(recording: Recording, consumer: str, *, seconds: RealSeconds) -> Finding:
    """After SIGTERM all processes of the consumer ended in time, without SIGKILL, and none was left running.

    Fairpoll sends SIGTERM to the consumer's process group, and SIGKILL after 15 s. A process outside of the
    group (`setsid`, a daemon) does not get that signal; if it is running 2 s after the others have ended, it
    is named and ended. Measured in real seconds; SPEED does not divide them.
    """
    processes = recording.processes_of(consumer)
    took = {
        process: (process.over_ms - process.terminated_ms) / 1000
        for process in processes
        if process.terminated_ms is not None and process.over_ms is not None
    }
    left = [one for process in processes for one in process.left]
    slowest = max(took.values(), default=None)
    if slowest is None and not left:
        sentence = f"no process of {consumer} was stopped with SIGTERM" if processes else _unknown(consumer)
        return Finding(expected=f"within {seconds:g} s", measured="unknown", sentence=sentence)
    late = slowest is not None and slowest > seconds
    killed = any(process.killed_ms is not None for process in took)
    needed = seconds_text(slowest or 0.0, seconds)
    if left:
        end = f"left {_named(left)} running, outside of its process group (setsid, daemon)"
    elif killed:
        end = f"did not end for {needed} after SIGTERM and was killed"
    else:
        end = f"ended {needed} after SIGTERM"
    running = f"left {len(left)} process{'' if len(left) == 1 else 'es'} running"
    return Finding(
        expected=f"within {seconds:g} s",
        measured=running if left else f"killed after {needed}" if killed else needed,
        sentence=f"{consumer} {end}, expected "
        + (f"all its processes to end within {seconds:g} s" if left else f"within {seconds:g} s"),
        # A process that was killed before the limit might still have ended in time.
        status="fail" if late or left else "inconclusive" if killed else "pass",
        figures={
            "slowest_seconds": None if slowest is None else round(slowest, 3),
            "killed": int(killed),
            "left": len(left),
        },
    )


def _named(left: Sequence[LeftProcess]) -> str:
    """`process 4711 (python consumer.py)`, at most MAX_EXAMPLES of them."""
    named = ", ".join(f"{one.pid} ({one.command})" for one in left[:MAX_EXAMPLES])
    return f"process{'' if len(left) == 1 else 'es'} {named}"


def _unknown(consumer: str) -> str:
    return f"the recording does not have the processes of {consumer}"


def _end_of(recording: Recording, process: Process) -> str:
    assert process.ended_ms is not None
    at = recording.seconds(process.ended_ms)
    left = int(np.count_nonzero((recording.first(process.consumer) > at) & ~recording.acked.poison))
    member = "second member " if process.member > 1 else ""
    return (
        f"{member}ended on its own with {_exit_text(process)} at second {at:.1f}{_refusal(process)}, with "
        f"{count_text(left, 'message')} of the run not delivered (its last output: "
        f"{plain(process.last_output)})"
    )


def _refusal(process: Process) -> str:
    """The reason if the coordinator refused it as a static member; "" for any other end."""
    if not any(text in process.last_output.lower() for text in REFUSED):
        return ""
    return (
        ", refused as a static member (UnreleasedInstanceId: the session of an earlier member with its "
        "group.instance.id had not ended)"
    )


def _exit_text(process: Process) -> str:
    code = process.exit_code or 0
    return f"signal {-code}" if code < 0 else f"exit code {code}"
