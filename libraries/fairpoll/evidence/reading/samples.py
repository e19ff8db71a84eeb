"""What the harness observed of one consumer, from the events in the files of samples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from fairpoll.contract.events import Event
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import CommitSource, Committed
from fairpoll.evidence.reading.membership import Membership, RunningProcess


@dataclass
class Samples:
    """What the harness observed of one consumer; `memory` has pairs of scenario second and bytes.

    `final` are the offsets that were committed when all had stopped, None if they were not read.
    """

    final: dict[Partition, int] | None = None
    memory: list[tuple[float, int]] = field(default_factory=list)
    cpu_seconds: float | None = None
    source: CommitSource | None = None
    every_member: bool = False
    sampled: list[Committed] = field(default_factory=list)
    logged: list[Committed] = field(default_factory=list)
    # The events `group_members` of the log, and those of a coordinator that was asked.
    members: list[Event] = field(default_factory=list)
    described: list[Event] = field(default_factory=list)
    _latest: float = -math.inf

    def take(self, event: Event) -> None:
        match event["name"]:
            case "memory":
                self.memory.append((event["at"], event["rss_bytes"]))
                self.cpu_seconds = event.get("cpu_seconds", self.cpu_seconds)
            case "group_members" if event.get("lag_ms"):
                self.described.append(event)
            case "group_members":
                self.members.append({**event, "at": self._in_order(event["at"])})
            case "offsets_log":
                self.source = CommitSource(event["problem"], event["exact"])
                self.every_member = event["members"] and not event["problem"]
            case "committed_offsets":
                commits, at = self.sampled, event["at"]
                if event.get("log"):
                    commits, at = self.logged, self._in_order(at)
                offsets = event["offsets"]
                commits += [Committed(at, o["topic"], o["partition"], o["offset"]) for o in offsets]
                if event["final"]:
                    self.final = {(o["topic"], o["partition"]): o["offset"] for o in offsets}

    def _in_order(self, at: float) -> float:
        """The time of a record of the log, which may have an earlier timestamp than the record before it."""
        self._latest = max(self._latest, at)
        return self._latest

    @property
    def every_commit(self) -> bool:
        return self.source is not None and not self.source.problem

    def membership(
        self, processes: Sequence[RunningProcess], speed: float, session_seconds: float = 0.0
    ) -> Membership | None:
        """The members of the group with these processes; None if they were not observed. See `Membership`.

        The coordinator is asked until the log can be read, whose first records are then of earlier times.
        """
        events = self.members
        if not self.every_member:
            events = sorted([*self.described, *self.members], key=lambda event: event["at"])
        if not (self.every_member or events):
            return None
        membership = Membership(processes, speed, session_seconds)
        membership.take(events)
        return membership

    @property
    def commits(self) -> list[Committed]:
        """The log's commits if it has each of them, else also those of the samples."""
        return self.logged if self.every_commit else [*self.logged, *self.sampled]
