"""The members of a consumer group by its coordinator's word, and the processes that they belong to."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from fairpoll.contract.events import Event
from fairpoll.contract.records import Partition, partitions_of
from fairpoll.evidence.facts import RunFacts
from fairpoll.evidence.history import Departure, Held, ObservedGroup
from fairpoll.evidence.reading.gathering import OBSERVED_MS

# Processes and brokers have clocks of their own (real seconds).
CLOCK_SLACK_SECONDS = 0.1


@dataclass(frozen=True)
class RunningProcess:
    """A process of the consumer, in scenario seconds; `member` names the folder of its member.

    `asked_to_stop` is the time of its first SIGTERM or SIGKILL, of its own end or of a fault in it.
    """

    member: str
    started: float
    asked_to_stop: float
    ended: float


def running_processes(facts: RunFacts, consumer: str, time: Callable[[float], float]) -> list[RunningProcess]:
    """The consumer's processes; `time` converts milliseconds since the epoch to scenario seconds."""
    found = []
    for process in facts.processes:
        if process.consumer == consumer:
            ends = (process.terminated_ms, process.killed_ms, process.ended_ms)
            asked = min((time(ms) for ms in ends if ms is not None), default=math.inf)
            ended = math.inf if process.ended_ms is None else time(process.ended_ms)
            found.append(RunningProcess(process.member_folder, time(process.started_ms), asked, ended))
    return found


@dataclass
class Membership:
    """Made from `group_members` events in the order of time. `speed`: scenario seconds in a real second.

    `session_seconds` is the session timeout of the classic protocol, in scenario seconds.
    `assignments` are the events `partitions_assigned` and `partitions_revoked` that a consumer would have
    printed. A partition stays with its last owner until another member has it: a member learns later than the
    coordinator that it has been evicted. `departures` are the members that left the group, or were evicted,
    although nobody had asked their process to stop. `held` are the partitions of members that outlived their
    process: of one that was killed in the consumer protocol, and of a static one that has left.
    """

    processes: Sequence[RunningProcess]
    speed: float
    session_seconds: float = 0.0
    joined: bool = False
    assignments: list[Event] = field(default_factory=list)
    departures: list[Departure] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    consumer_protocol: bool = False
    _static: frozenset[str] = frozenset()
    _members: dict[str, RunningProcess | None] = field(default_factory=dict)
    _owners: dict[Partition, tuple[str, str]] = field(default_factory=dict)
    # When each member has gone; those that stayed to the end are not in it.
    _gone: dict[str, float] = field(default_factory=dict)

    def take(self, events: Sequence[Event]) -> None:
        """Follow the group through all of these events."""
        for event, following in pairwise(events):
            left = {*event["members"]} - {*following["members"]}
            self._gone |= {str(member): float(following["at"]) for member in left}
        for event in events:
            self._take(event)
        # Earlier versions stated no kind, and `at_once` of a coordinator that was asked shows none.
        self.consumer_protocol = any(
            event.get("kind", event.get("at_once") and not event.get("lag_ms")) in ("consumer", True)
            for event in events
        )

    def observed(self) -> ObservedGroup:
        """What a recording keeps of it, besides the assignments."""
        return ObservedGroup(self.joined, self.departures, self.held, self.consumer_protocol)

    def _take(self, event: Event) -> None:
        at, members = event["at"], [str(member) for member in event["members"]]
        self.joined = self.joined or bool(members)
        # The successor of a static member takes its place over in one record, without waiting for a session.
        static = set() if {*members} - self._members.keys() else self._static
        for member in [member for member in self._members if member not in members]:
            process, at_once = self._members.pop(member), bool(event.get("at_once"))
            if process and (at_once or member in static):
                session_end = at if at_once else process.ended + self.session_seconds
                self._hold(member, process.ended, min(at, session_end))
            self._leave(member, process, at)
        self._static = frozenset(event.get("static", ()))
        for member in members:
            if member not in self._members:
                self._members[member] = self._process_of(member, at)
        owned: dict[str, list[Partition]] = {}
        for partition, item in zip(partitions_of(event), event["partitions"], strict=True):
            owned.setdefault(str(item.get("member", "")), []).append(partition)
        # A coordinator that was asked gave the partitions at some time since it was asked before.
        since = at - float(event.get("lag_ms", 0.0)) / 1000 * self.speed
        for member, partitions in owned.items():
            self._assign(member, partitions, since)

    def _hold(self, member: str, since: float, until: float) -> None:
        """Note that the member had its partitions from the end of its process until its removal.

        A classic group writes that removal only when all other members have joined the rebalance.
        """
        if since < until:
            self.held += [Held(p, since, until) for p, (owner, _) in self._owners.items() if owner == member]

    def _leave(self, member: str, process: RunningProcess | None, at: float) -> None:
        mine = [partition for partition, (owner, _) in self._owners.items() if owner == member]
        if process and process.asked_to_stop > at + CLOCK_SLACK_SECONDS * self.speed:
            self.departures.append(Departure(at, process.member))
        else:
            self._revoke(mine, at)

    def _assign(self, member: str, partitions: Sequence[Partition], at: float) -> None:
        process = self._members.get(member)
        name = process.member if process else ""
        fresh = [p for p in partitions if self._owners.get(p, ("", ""))[0] != member]
        self._revoke([p for p in fresh if self._owners.get(p, ("", name))[1] != name], at)
        self._owners.update(dict.fromkeys(fresh, (member, name)))
        if fresh:
            self.assignments.append(_event("partitions_assigned", name, fresh, at))

    def _revoke(self, partitions: Sequence[Partition], at: float) -> None:
        by_name: dict[str, list[Partition]] = {}
        for partition in partitions:
            by_name.setdefault(self._owners.pop(partition)[1], []).append(partition)
        for name, gone in by_name.items():
            self.assignments.append(_event("partitions_revoked", name, gone, at))

    def _process_of(self, member: str, at: float) -> RunningProcess | None:
        """The process of a member that joined by now.

        Of several that run, one that has no member yet, and of these the one that ended nearest to the
        member: a process that starts slowly may join after one that was started later.
        """
        slack = CLOCK_SLACK_SECONDS * self.speed
        running = [p for p in self.processes if p.started <= at + slack and p.ended >= at - slack]
        known, gone = list(self._members.values()), self._gone.get(member, math.inf)

        def apart(process: RunningProcess) -> float:
            return 0.0 if process.ended == gone else abs(process.ended - gone)

        return min(running, key=lambda p: (p in known, apart(p), -p.started), default=None)


def _event(name: str, member: str, partitions: Sequence[Partition], at: float) -> Event:
    listed = [{"topic": topic, "partition": number} for topic, number in partitions]
    return {"name": name, "at": at, "member": member, "partitions": listed}


def with_assignments(events: Sequence[Event], membership: Membership | None) -> list[Event]:
    """The consumer's events, with the coordinator's assignments if the consumer reports none."""
    if membership is None or any(event["name"] == "partitions_assigned" for event in events):
        return list(events)
    return sorted([*events, *membership.assignments], key=lambda event: event["at"])


def assigned_at(events: Iterable[Event], time: Callable[[float], float]) -> dict[tuple[str, Partition], Any]:
    """For each member and partition: when an assignment was observed at the latest, and when it happened.

    In scenario seconds, to which `time` converts milliseconds since the epoch; the events are in the order of
    time.
    """
    found: dict[tuple[str, Partition], list[tuple[float, float]]] = defaultdict(list)
    for event in events:
        if event["name"] == "partitions_assigned":
            observed = event.get(OBSERVED_MS)  # the coordinator's word has the time itself
            moments = (event["at"] if observed is None else time(observed), event["at"])
            for partition in partitions_of(event):
                found[(event["member"], partition)].append(moments)
    return {owner: np.array(moments) for owner, moments in found.items()}
