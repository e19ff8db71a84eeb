"""Times in which no member of the group owned a partition, so that no consumer could deliver from it."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise, takewhile

import numpy as np

from fairpoll.contract.assignments import Assignment, Assignments
from fairpoll.contract.events import Event
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Recording
from fairpoll.evidence.records import Array
from fairpoll.scenarios.model import CONTROL

Gap = tuple[float, float]
# The built-in consumers, whose own gaps after a step show what the coordinator needed.
CONTROLS = (CONTROL, "async")
# What correct consumers needed after a step on the mock cluster, where a rebalance takes 2 s and a
# cooperative consumer needed three of them (real seconds).
REBALANCE_SECONDS = 6.0
# In the consumer protocol a member learns of its partitions with its next heartbeat; this is the broker's
# default interval (group.consumer.heartbeat.interval.ms, real seconds).
BROKERS_HEARTBEAT_SECONDS = 5.0


def unassigned(recording: Recording, consumer: str) -> dict[Partition, list[Gap]]:
    """The gaps (from, to) of each partition in which no member could own it, in scenario seconds.

    A gap begins when the last owner's partition is revoked, when its process is killed by the timeline, or
    when its process is started again. It ends with the next assignment. Three kinds of gaps do not count,
    because they are the consumer's own doing: those that began with an eviction or when its process died,
    those that never ended, and all gaps of a run whose timeline and faults left the group alone.

    A consumer that delays its own assignment makes a gap longer. So from each step or fault to the next one,
    a partition's gaps count only up to the longest that the built-in consumers needed meanwhile; without any
    in the run, up to REBALANCE_SECONDS and, after a kill, a session timeout. With the broker's heartbeat
    interval in the consumer protocol they count at least up to that. Two times count in full: while no
    process of the consumer was running, and while an ended member held the partition by the coordinator's
    word.
    """
    controls = [name for name in CONTROLS if name in recording.consumers]
    if consumer in controls:
        return _gaps(recording, consumer)
    edges = _edges(recording)
    if controls:
        needed = np.max([_needed(recording, control, edges) for control in controls], axis=0)
    else:
        needed = np.full(len(edges) + 1, REBALANCE_SECONDS * recording.speed)
        session_seconds = recording.scenario.settings.session_timeout_ms / 1000
        for kill in (at for at, verb, _ in recording.steps if verb == "kill"):
            needed[bisect_right(edges, kill) :] += session_seconds * recording.speed
    group = recording.consumers[consumer].group
    if group and group.consumer_protocol and consumer in recording.facts.brokers_session:
        needed = np.maximum(needed, BROKERS_HEARTBEAT_SECONDS * recording.speed)
    shortened: dict[Partition, list[Gap]] = {}
    for partition, gaps in _gaps(recording, consumer).items():
        left, shortened[partition] = needed.copy(), []
        for since, until, period in _pieces(gaps, edges, _excused(recording, consumer, partition)):
            length = until - since
            if period is not None:
                length = min(length, float(left[period]))
                left[period] -= length
            if length > 0:
                shortened[partition].append((since, since + length))
    return shortened


def _needed(recording: Recording, consumer: str, edges: Sequence[float]) -> Array:
    """The longest time that the gaps of one of its partitions took in each period between two edges."""
    needed = np.zeros(len(edges) + 1)
    for partition, gaps in _gaps(recording, consumer).items():
        took = np.zeros(len(edges) + 1)
        for since, until, period in _pieces(gaps, edges, _excused(recording, consumer, partition)):
            if period is not None:
                took[period] += until - since
        needed = np.maximum(needed, took)
    return needed


def _edges(recording: Recording) -> list[float]:
    """The times of the steps and of the beginnings of faults, sorted."""
    return sorted({at for at, _, _ in recording.steps} | {fault.since for fault in recording.faults})


def _pieces(
    gaps: Sequence[Gap], edges: Sequence[float], excused: Sequence[Gap]
) -> Iterator[tuple[float, float, int | None]]:
    """The gaps cut at these edges: from, to, and the number of the period; None for an excused piece."""
    cuts = sorted({*edges, *chain.from_iterable(excused)})
    for start, end in gaps:
        for since, until in pairwise([start, *(at for at in cuts if start < at < end), end]):
            free = any(first <= since and until <= last for first, last in excused)
            yield since, until, None if free else bisect_right(edges, since)


def _excused(recording: Recording, consumer: str, partition: Partition) -> list[Gap]:
    """The times in which no process of the consumer was running, or an ended member held the partition."""
    excused = held_by_ended(recording, consumer, partition)
    ended = -math.inf
    for process in recording.processes_of(consumer):
        started = recording.seconds(process.started_ms)
        if -math.inf < ended < started:
            excused.append((ended, started))
        ended = max(ended, math.inf if process.over_ms is None else recording.seconds(process.over_ms))
    return excused


def held_by_ended(recording: Recording, consumer: str, partition: Partition) -> list[Gap]:
    """The times in which a member whose process had ended held the partition by the coordinator's word."""
    group = recording.consumers[consumer].group
    return [(held.since, held.until) for held in (group.held if group else ()) if held.partition == partition]


def _gaps(recording: Recording, consumer: str) -> dict[Partition, list[Gap]]:
    """The gaps by the assignments alone; see `unassigned`."""
    gaps: dict[Partition, list[Gap]] = defaultdict(list)
    if not recording.steps and not recording.faults:
        return gaps
    last: dict[Partition, Assignment] = {}
    for assignment in assignments_of(recording, consumer).history:
        before = last.get(assignment.partition)
        if before and before.until < assignment.since and not before.lost:
            gaps[assignment.partition].append((before.until, assignment.since))
        if not before or before.until <= assignment.until:
            last[assignment.partition] = assignment
    return gaps


def assignments_of(recording: Recording, consumer: str, until: float = math.inf) -> Assignments:
    """The group's assignments and pauses up to a moment.

    By its members' events, the timeline's kills, the starts of processes and the ends of those that died.
    """
    clock = recording.facts.clocks.get(consumer)
    offset_ms = clock.offset_ms if clock else 0.0
    ends: list[Event] = [{"name": "kill", "at": at} for at, verb, _ in recording.steps if verb == "kill"]
    for process in recording.processes_of(consumer):
        at = recording.seconds(process.started_ms - offset_ms)
        ends.append({"name": "started", "at": at, "member": process.member_folder})
        if process.died and process.over_ms is not None:
            name, at = "kill" if process.excused else "died", recording.seconds(process.over_ms - offset_ms)
            ends.append({"name": name, "at": at, "member": process.member_folder})
    events = sorted([*recording.consumers[consumer].events, *ends], key=lambda event: event["at"])
    return Assignments.of(takewhile(lambda event: event["at"] <= until, events))


def common_gaps(gaps: Mapping[Partition, Sequence[Gap]], partitions: Sequence[Partition]) -> list[Gap]:
    """The gaps in which none of these partitions was assigned to any member."""
    edges = [[(start, 1), (end, -1)] for p in partitions for start, end in gaps.get(p, ())]
    found: list[Gap] = []
    free, since = 0, 0.0
    for at, change in sorted(chain.from_iterable(edges)):
        if free == len(partitions):
            found.append((since, at))
        free, since = free + change, at
    return found


def assigned_between(gaps: Sequence[Gap], since: Array | float, until: Array | float) -> Array:
    """The seconds from `since` to `until` that lie outside the gaps, elementwise for arrays.

    The gaps are sorted and do not overlap.
    """
    length = np.asarray(until) - since
    if not gaps:
        return length
    edges = [edge for gap in gaps for edge in gap]
    free = np.cumsum([(0.0, end - start) for start, end in gaps])
    free_seconds: Array = np.interp(until, edges, free) - np.interp(since, edges, free)
    return length - free_seconds


def between(moments: Sequence[float], after: float, until: float) -> float | None:
    """The first moment in (after, until]; None if there is none. `moments` is sorted."""
    index = bisect_right(moments, after)
    return moments[index] if index < len(moments) and moments[index] <= until else None


def assigned_at(recording: Recording, consumer: str) -> dict[Partition, list[float]]:
    """The times of each partition's assignments to any member, sorted.

    A consumer that does not report its assignments may have been assigned any partition when a process was
    started after the first.
    """
    moments: dict[Partition, list[float]] = defaultdict(list)
    assignments = assignments_of(recording, consumer)
    for assignment in assignments.history:
        moments[assignment.partition].append(assignment.since)
    if not assignments.reported:
        starts = [recording.seconds(process.started_ms) for process in recording.processes_of(consumer)]
        moments.update(dict.fromkeys(recording.acked.by_partition, sorted(starts)[1:]))
    return moments
