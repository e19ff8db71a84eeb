"""Who owns each partition, since when, and whether it is paused: one fold over the events of a group.

The start of a process and its end release everything of that member, a revocation the partitions that it
names. An assignment does not end a pause: in librdkafka, and in Java's consumer protocol, the pause survives
the rebalance; in Java's classic consumer it does not. A consumer that resumes anyway is never wrong.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fairpoll.contract.records import Partition, partitions_of

# Events after which a member owns nothing. `started` is the start of a process as the harness recorded it,
# `kill` a step of the timeline or a fault, `died` the end of a process on its own.
RELEASING = ("started", "startup_complete", "shutdown_complete", "kill", "died")


@dataclass(slots=True)
class Assignment:
    """A member owned a partition from `since` until before `until`; infinite if it still does.

    `lost`: it was evicted from its group, or its process died.
    """

    member: str
    partition: Partition
    since: float
    until: float = math.inf
    lost: bool = False


@dataclass(slots=True)
class Pause:
    """A member paused a partition at `since`. `assigned_again` is its first assignment afterwards, if any."""

    member: str
    partition: Partition
    since: float
    assigned_again: float = math.inf


class Assignments:
    """Fed with events in the order of time, live or afterwards.

    `history` has every assignment, in the order of their beginnings; `paused` the pauses that neither a
    resume nor the end of the process has ended; `evictions` the time of each eviction. `reported` is true
    once any assignment was taken, be it of no partition.
    """

    def __init__(self) -> None:
        self.history: list[Assignment] = []
        self.paused: dict[tuple[str, Partition], Pause] = {}
        self.evictions: list[float] = []
        self.reported = False
        self._owned: dict[str, dict[Partition, Assignment]] = {}
        # Members whose starts are known: their `startup_complete` may come after their first assignment.
        self._started: set[str] = set()

    @classmethod
    def of(cls, events: Iterable[Mapping[str, Any]]) -> "Assignments":
        """Fold the events of a recording: with `at` and, except for the first member, `member`."""
        assignments = cls()
        for event in events:
            assignments.take(event, event.get("member", ""), event["at"])
        return assignments

    def take(self, event: Mapping[str, Any], member: str = "", at: float = 0.0) -> None:
        """Take one event of this member; events that change no assignment and no pause are ignored."""
        match name := event.get("name"):
            case "partitions_assigned":
                self.reported = True
                owned = self._owned.setdefault(member, {})
                for partition in partitions_of(event):
                    if earlier := owned.get(partition):
                        earlier.until = at
                    owned[partition] = Assignment(member, partition, at)
                    self.history.append(owned[partition])
                    if pause := self.paused.get((member, partition)):
                        pause.assigned_again = min(pause.assigned_again, at)
            case "partitions_revoked":
                evicted = bool(event.get("lost"))
                if evicted:
                    self.evictions.append(at)
                self._release(member, partitions_of(event), at, lost=evicted)
            case "partitions_paused":
                for partition in partitions_of(event):
                    self.paused.setdefault((member, partition), Pause(member, partition, at))
            case "partitions_resumed":
                for partition in partitions_of(event):
                    self.paused.pop((member, partition), None)
            case _ if name in RELEASING and not (name == "startup_complete" and member in self._started):
                self._started |= {member} if name == "started" else set()
                self._release(member, list(self._owned.get(member, ())), at, lost=name == "died")
                self.paused = {key: pause for key, pause in self.paused.items() if key[0] != member}

    def _release(self, member: str, partitions: Iterable[Partition], at: float, *, lost: bool) -> None:
        owned = self._owned.get(member, {})
        for partition in partitions:
            if ended := owned.pop(partition, None):
                ended.until, ended.lost = at, lost
        if not owned:
            self._owned.pop(member, None)

    def current_assignment(self, member: str = "") -> frozenset[Partition] | None:
        """The partitions that the member owns now; None before its first assignment, and after its last.

        Empty for a member of a group that has more members than partitions.
        """
        owned = self._owned.get(member)
        return None if owned is None else frozenset(owned)
