"""Criteria of liveness: a consumer with lag delivers, restarts in time and stays in its group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.assignment import (
    assigned_between,
    assignments_of,
    common_gaps,
    held_by_ended,
    unassigned,
)
from fairpoll.checkers.budgets import seconds_text, within
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import Seconds, criterion
from fairpoll.checkers.silences import allowed_text, longest_silence
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import acked_at, passed_at


@criterion("no stall", keyword="Consumer Should Not Stall")
def no_stall(recording: Recording, consumer: str, *, seconds: Seconds) -> Finding:
    """While messages waited, the time without a single delivery was never longer than `seconds`.

    Measured from the start of the live traffic to the end of the drain, there in real time, without the time
    that a rebalance needs, in which no partition can be assigned to any member (see `assignment.unassigned`).
    """
    partitions = recording.acked.by_partition
    read = [partition for partition, rows in partitions.items() if rows.start < rows.stop]
    gaps = common_gaps(unassigned(recording, consumer), read)
    silence = longest_silence(recording, consumer, list(partitions), gaps)
    numbers = np.unique(recording.acked.partition_numbers(silence.waiting))
    waiting = sorted(recording.acked.partitions[number] for number in numbers)
    named = partitions_text(recording, consumer, waiting, silence.until)
    finding = Finding(
        expected=f"silent at most {seconds:g} s with lag",
        measured=seconds_text(silence.seconds, seconds),
        sentence=f"{consumer} delivered nothing for {silence.text(seconds)} while "
        f"{count_text(len(silence.waiting), 'message')} waited in {named}, "
        f"expected at most {seconds:g} s",
        figures={
            "longest_silence_seconds": round(silence.seconds, 3),
            "since_seconds": round(silence.since, 3),
        },
    )
    return within(recording, finding, silence.seconds, seconds)


@criterion("every partition served", keyword="Every Partition Should Be Served Within")
def every_partition_served(recording: Recording, consumer: str, *, seconds: Seconds) -> Finding:
    """While messages waited in a partition, its time without a delivery was never longer than `seconds`.

    Time that a rebalance needs, in which the partition can be assigned to no member, is left out (see
    `assignment.unassigned`).
    """
    gaps = unassigned(recording, consumer)
    silences = {
        p: longest_silence(recording, consumer, [p], gaps.get(p, ())) for p in recording.acked.by_partition
    }
    silent = sorted(p for p, silence in silences.items() if silence.seconds > seconds)
    partition, worst = max(silences.items(), key=lambda item: item[1].seconds)
    named = partitions_text(recording, consumer, silent or [partition], worst.until)
    of = count_text(len(silences), "partition")
    served = f"delivered nothing from {len(silent):,} of {of} for up to" if silent else f"served {of} within"
    finding = Finding(
        expected=f"silent at most {seconds:g} s with lag",
        measured=seconds_text(worst.seconds, seconds),
        sentence=f"{consumer} {served} {worst.text(seconds)} while messages waited, "
        f"expected at most {seconds:g} s: {named}",
        figures={"silent_partitions": len(silent), "longest_silence_seconds": round(worst.seconds, 3)},
    )
    return within(recording, finding, worst.seconds, seconds)


@criterion(
    "delivers again after each step", keyword="Consumer Should Deliver Again Within", rests_on_steps=True
)
def delivers_again(recording: Recording, consumer: str, *, seconds: Seconds) -> Finding:
    """After each step of the timeline, every partition with messages waiting delivers again in time.

    The steps that count are a member that joins, leaves or is started, and a sink that becomes faster. After
    `stop` and `kill` the clock runs from the next `start`, since nothing can be delivered before. Time that a
    rebalance needs, in which the partition can be assigned to no member, is left out: as much as the built-in
    consumers of the run needed after the same step (see `assignment.unassigned`).
    """
    worst = _Restart(0.0, 0.0, 0.0, "")
    late: list[str] = []
    steps = _steps_that_count(recording)
    gaps = unassigned(recording, consumer)
    for partition in recording.acked.by_partition:
        passed, rows = passed_at(recording, consumer, partition)
        sent = acked_at(recording, rows)
        for at, verb in steps:
            waiting = passed[(sent <= at) & (at < passed)]
            if not len(waiting):
                continue
            until = min(float(waiting.min()), recording.watched_until)
            free = gaps.get(partition, ())
            counted = float(assigned_between(free, at, until))
            restart = _Restart(counted, until - at, _held_seconds(recording, consumer, partition, at), verb)
            worst = max(worst, restart, key=lambda restart: restart.seconds)
            if restart.seconds > seconds:
                late.append(f"{partition[0]}/{partition[1]} {restart}")
    finding = Finding(
        expected=f"within {seconds:g} s",
        measured=str(worst),
        sentence=f"{consumer} needed {worst} to deliver again, expected at most {seconds:g} s"
        + (f": {'; '.join(late[:20])}" if late else "")
        if steps
        else "the scenario's timeline has no step after which a consumer must deliver again",
        figures={
            "worst_seconds": round(worst.seconds, 3),
            "unassigned_seconds": round(worst.unserved_seconds - worst.seconds, 3),
            "unserved_seconds": round(worst.unserved_seconds, 3),
            "late": len(late),
        },
    )
    return within(recording, finding, worst.seconds, seconds) if steps else finding


@dataclass(frozen=True)
class _Restart:
    """How long a partition with messages waiting took to deliver again after a step.

    `unserved_seconds` is the whole time; `seconds` is what counts of it. For `held_seconds` of the rest an
    ended member held the partition.
    """

    seconds: float
    unserved_seconds: float
    held_seconds: float
    step: str

    def __str__(self) -> str:
        if not self.step:
            return f"{self.seconds:.1f} s"
        allowed = allowed_text(self.unserved_seconds - self.seconds, self.held_seconds)
        return f"{self.seconds:.1f} s after {self.step}{allowed}"


def _held_seconds(recording: Recording, consumer: str, partition: Partition, since: float) -> float:
    """For how long after this moment an ended member held the partition."""
    spans = held_by_ended(recording, consumer, partition)
    return sum(max(0.0, until - max(start, since)) for start, until in spans)


@criterion(
    "group membership kept", keyword="Group Membership Should Be Kept", needs="assignments", timed=True
)
def membership_kept(recording: Recording, consumer: str) -> Finding:
    """No member was evicted from its group, which happens if it does not poll or send heartbeats in time.

    By the group coordinator's records where these can be read: a member disappeared although nobody had asked
    its process to stop. Its records do not tell an eviction from a member that leaves by itself. Otherwise by
    the consumer's events.
    """
    return _membership(recording, consumer, kept=True)


@criterion(
    "group membership lost",
    keyword="Group Membership Should Be Lost",
    needs="assignments",
    depends_on_load=True,
)
def membership_lost(recording: Recording, consumer: str) -> Finding:
    """At least one member was evicted from its group, which proves that the scenario stresses the control."""
    return _membership(recording, consumer, kept=False)


def _membership(recording: Recording, consumer: str, *, kept: bool) -> Finding:
    departed = _departures(recording, consumer)
    lost = departed or assignments_of(recording, consumer).evictions
    when = ", ".join(f"{at:.1f}" for at in lost[:20])
    wanted = "never" if kept else "at least once"
    times = "once" if len(lost) == 1 else count_text(len(lost), "time")
    left = ", or left it without being stopped," if departed else ""
    evicted = (
        f"evicted from its group{left} {times} (at {when} s)" if lost else "never evicted from its group"
    )
    return Finding(
        expected=f"evicted {wanted}",
        measured=times if lost else "never",
        sentence=f"{consumer} was {evicted}, expected {wanted}",
        status="pass" if kept == (not lost) else "fail",
        figures={"lost": len(lost)},
    )


def _departures(recording: Recording, consumer: str) -> list[float]:
    """When members departed by the coordinator's word, except during a fault and a session after it."""
    group = recording.consumers[consumer].group
    session = recording.scenario.settings.session_timeout_ms / 1000 * recording.speed
    faults = [fault for fault in recording.faults if fault.target in ("broker", "network", "consumer")]
    return [
        departure.at
        for departure in (group.departures if group else ())
        if not any(fault.since <= departure.at <= fault.until + 2 * session for fault in faults)
    ]


def _steps_that_count(recording: Recording) -> list[tuple[float, str]]:
    counted: list[tuple[float, str]] = []
    rate_before: float | None = recording.scenario.sink_rate
    for at, verb, rate in recording.steps:
        if verb == "sink":
            if rate is None or (rate_before is not None and rate > rate_before):
                counted.append((at, "the sink recovered"))
            rate_before = rate
        elif verb not in ("stop", "kill"):
            counted.append((at, verb))
    return counted


def partitions_text(recording: Recording, consumer: str, partitions: Sequence[Partition], at: float) -> str:
    """At most 20 partitions by name; those that a member had paused at this moment are marked."""
    paused = {partition for _, partition in assignments_of(recording, consumer, at).paused}
    named = [f"{t}/{p}{' (paused)' if (t, p) in paused else ''}" for t, p in partitions[:20]]
    return ", ".join(named) or "no partition"
