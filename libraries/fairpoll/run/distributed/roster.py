"""What the parts of a run have told one another, read in the order in which the broker has it.

Pure: everybody who reads the same notes comes to the same roster, and that is how the parts agree.

    plan      a run: its facts, as in run.json; or, with `forming`, what the producers that joined make up
    join      a producer that asks for a shard of the traffic, of a `run` or of the one that is forming
    here      a consumer's machine has all it needs to start it
    ready     a producer's backlog is acked; a consumer has been given its partitions
    start     when the live traffic begins, by the broker's clock; the first one counts
    clock     how far a part's clock is off the broker's
    produced  a producer's traffic is acked: so many messages
    done      a part has ended and handed in its evidence
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fairpoll.evidence.layout import producer_name
from fairpoll.producer.shards import Shard
from fairpoll.run.distributed.clocks import ClockOffset
from fairpoll.run.distributed.run_topic import Note
from fairpoll.scenarios.model import Scenario

# A run of which nothing is heard so long after its end has been given up by whoever started it.
GIVEN_UP_SECONDS = 300.0


@dataclass
class RunNotes:
    """One run. `facts` are those of run.json that are known before it begins."""

    facts: Mapping[str, Any]
    planned_at_ms: float
    here: set[str] = field(default_factory=set)
    ready: set[str] = field(default_factory=set)
    start_ms: float | None = None
    produced: dict[str, int] = field(default_factory=dict)
    done: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    clocks: dict[str, list[ClockOffset]] = field(default_factory=dict)

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

    def missing(self, told: Iterable[str]) -> list[str]:
        """The parts that are not among these."""
        found = set(told)
        return [name for name in self.parts if name not in found]

    def is_over(self, now_ms: float) -> bool:
        """All producers have ended, or nothing can be hoped for any more."""
        lasts = self.scenario.duration_seconds / self.speed + GIVEN_UP_SECONDS
        return all(name in self.done for name in self.producers) or now_ms > self.planned_at_ms + lasts * 1000


class Roster:
    """All runs, and the producers that ask for a shard of one. `add` every note, in order."""

    def __init__(self) -> None:
        self.runs: dict[str, RunNotes] = {}
        # Those that have joined no run in particular, and make one up together.
        self.forming: list[str] = []
        # Those that came when a run was full: whom they were refused by.
        self.refused: dict[str, RunNotes] = {}
        self._joined: dict[str, list[str]] = {}
        self._last: RunNotes | None = None

    def add(self, note: Note) -> None:
        """Take a note in. One that does not hold what it must is passed over: anybody can write there."""
        try:
            self._add(note, note.told)
        except (KeyError, TypeError, ValueError, AttributeError):
            return

    def _add(self, note: Note, told: Mapping[str, Any]) -> None:
        if note.what == "plan":
            self._plan(note, told)
        elif note.what == "join" and told["run"]:
            self._joined.setdefault(told["run"], []).append(told["member"])
        elif note.what == "join" and self._last and not self._last.is_over(note.at_ms):
            self.refused[told["member"]] = self._last
        elif note.what == "join":
            self.forming.append(told["member"])
        else:
            run, who = self.runs[told["run"]], str(told["who"])
            match note.what:
                case "here":
                    run.here.add(who)
                case "ready":
                    run.ready.add(who)
                case "start" if run.start_ms is None:
                    run.start_ms = float(told["start_ms"])
                case "clock":
                    measured = ClockOffset(float(told["offset_ms"]), float(told["error_ms"]))
                    run.clocks.setdefault(who, []).append(measured)
                case "produced":
                    run.produced[who] = int(told["acked"])
                case "done":
                    run.done[who] = told

    def _plan(self, note: Note, told: Mapping[str, Any]) -> None:
        facts = dict(told["facts"])
        if told.get("forming"):
            if not self.forming or self.forming[0] != told["forming"]:
                return  # somebody else's plan was first
            facts["shards"] = len(self.forming)
        run = RunNotes(facts, note.at_ms)
        if run.run_id in self.runs:
            return
        if told.get("forming"):
            self._joined[run.run_id], self.forming = self.forming, []
            self._last = run
        self.runs[run.run_id] = run

    def seat(self, member: str) -> tuple[RunNotes, Shard] | None:
        """The run and the shard of a member that joined; None as long as there is none for it."""
        for run_id, members in self._joined.items():
            if member in members and (run := self.runs.get(run_id)):
                number = members.index(member) + 1
                return (run, Shard(number, run.shards)) if number <= run.shards else None
        return None

    def too_many(self, member: str) -> RunNotes | None:
        """The run in which there is no shard left for this member."""
        for run_id, members in self._joined.items():
            run = self.runs.get(run_id)
            if run and member in members[run.shards :]:
                return run
        return self.refused.get(member)
