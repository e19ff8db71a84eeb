"""Times in which no member of the group owned a partition, so that no consumer could deliver from it."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, takewhile

import numpy as np

from fairpoll.contract.assignments import Assignment, Assignments
from fairpoll.contract.events import Event
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Recording
from fairpoll.evidence.records import Array

Gap = tuple[float, float]


def unassigned(recording: Recording, consumer: str) -> dict[Partition, list[Gap]]:
    """The gaps (from, to) of each partition in which no member owned it, in scenario seconds.

    A gap begins when the last owner's partition is revoked, when its process is killed by the timeline, or
    when its process is started again. It ends with the next assignment: until then the group's coordinator
    is busy with a rebalance. Three kinds of gaps do not count, because they are the consumer's own doing:
    those that began with an eviction or when its process died, those that never ended, and all gaps of a run
    whose timeline and faults left the group alone.
    """
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
