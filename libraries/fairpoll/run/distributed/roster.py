"""The state of distributed runs, computed from the notes of their parts in the order of the topic.

Pure: all parts that read the same notes compute the same roster, which is how they agree.

    plan      a run: its facts, as in run.json; with `forming`, the run of the producers that have joined
    join      a producer that asks for a shard of the traffic, of a `run` or of the one that is forming
    here      a consumer's machine can start it
    ready     a producer's backlog is acked; a consumer is assigned its partitions
    start     start of the live traffic, by the broker's clock; the first such note counts
    alive     a part is still there
    clock     offset of a part's clock from the broker's
    produced  a producer's traffic is acked, and how many messages
    done      a part has ended and handed in its evidence
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fairpoll.evidence.facts import ClockOffset
from fairpoll.evidence.layout import producer_name
from fairpoll.producer.shards import Shard
from fairpoll.run.distributed.run_topic import Note
from fairpoll.scenarios.model import Scenario

# A run whose parts have not ended this long after its end is abandoned.
ABANDONED_SECONDS = 300.0


@dataclass
class RunNotes:
    """One run. `facts` are those of run.json that are known before it begins.

    `seen` has the broker's time of each part's latest note (epoch ms).
    """

    facts: Mapping[str, Any]
    planned_at_ms: float
    here: set[str] = field(default_factory=set)
    ready: set[str] = field(default_factory=set)
    start_ms: float | None = None
    produced: dict[str, int] = field(default_factory=dict)
    done: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    clocks: dict[str, list[ClockOffset]] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.run_id = str(self.facts["run_id"])
        self.shards = int(self.facts["shards"])
        self.speed = float(self.facts["speed"])
        self.scenario = Scenario.from_json(self.facts["scenario"])
        self.topics: dict[str, str] = dict(self.facts["topics"])
        self.consumers = [str(name) for name in self.facts["consumers"]]

    @property
    def producers(self) -> list[str]:
        """The names of all producers."""
        return [producer_name(number + 1) for number in range(self.shards)]

    @property
    def parts(self) -> list[str]:
        """The names of all producers and consumers."""
        return [*self.producers, *self.consumers]

    def missing(self, present: Iterable[str]) -> list[str]:
        """The parts that are not among these names."""
        known = set(present)
        return [name for name in self.parts if name not in known]

    def is_over(self, now_ms: float) -> bool:
        """Whether all producers have ended, or the run is abandoned."""
        lasts = self.scenario.duration_seconds / self.speed + ABANDONED_SECONDS
        return all(name in self.done for name in self.producers) or now_ms > self.planned_at_ms + lasts * 1000


class Roster:
    """All runs, and the producers that ask for a shard of one. `add` every note, in order."""

    def __init__(self) -> None:
        self.runs: dict[str, RunNotes] = {}
        # Members that joined without naming a run, and form one together.
        self.forming: list[str] = []
        # Members that were refused, and the run that was full.
        self.refused: dict[str, RunNotes] = {}
        self._joined: dict[str, list[str]] = {}
        self._last: RunNotes | None = None

    def add(self, note: Note) -> None:
        """Apply a note. Malformed notes are ignored: anybody can write to the topic."""
        try:
            self._add(note, note.fields)
        except (KeyError, TypeError, ValueError, AttributeError):
            return

    def _add(self, note: Note, fields: Mapping[str, Any]) -> None:
        if note.what == "plan":
            self._plan(note, fields)
        elif note.what == "join" and fields["run"]:
            self._joined.setdefault(fields["run"], []).append(fields["member"])
        elif note.what == "join" and self._last and not self._last.is_over(note.at_ms):
            self.refused[fields["member"]] = self._last
        elif note.what == "join":
            self.forming.append(fields["member"])
        else:
            run, who = self.runs[fields["run"]], str(fields["who"])
            run.seen[who] = note.at_ms
            match note.what:
                case "here":
                    run.here.add(who)
                case "ready":
                    run.ready.add(who)
                case "start" if run.start_ms is None:
                    run.start_ms = float(fields["start_ms"])
                case "clock":
                    measured = ClockOffset(float(fields["offset_ms"]), float(fields["error_ms"]))
                    run.clocks.setdefault(who, []).append(measured)
                case "produced":
                    run.produced[who] = int(fields["acked"])
                case "done":
                    run.done[who] = fields

    def _plan(self, note: Note, fields: Mapping[str, Any]) -> None:
        facts = dict(fields["facts"])
        if fields.get("forming"):
            if not self.forming or self.forming[0] != fields["forming"]:
                return  # another member's plan came first
            facts["shards"] = len(self.forming)
        run = RunNotes(facts, note.at_ms)
        if run.run_id in self.runs:
            return
        if fields.get("forming"):
            self._joined[run.run_id], self.forming = self.forming, []
            self._last = run
        self.runs[run.run_id] = run

    def seat(self, member: str) -> tuple[RunNotes, Shard] | None:
        """The run and shard of a member that joined; None until it has one."""
        for run_id, members in self._joined.items():
            if member in members and (run := self.runs.get(run_id)):
                number = members.index(member) + 1
                return (run, Shard(number, run.shards)) if number <= run.shards else None
        return None

    def too_many(self, member: str) -> RunNotes | None:
        """The run that has no shard left for this member, if any."""
        for run_id, members in self._joined.items():
            run = self.runs.get(run_id)
            if run and member in members[run.shards :]:
                return run
        return self.refused.get(member)
