"""One part of a run that is spread over processes or machines: how it finds the others and keeps in step."""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from fairpoll.base.clock import now_ms
from fairpoll.base.errors import ClusterError, DeadlineError, TrafficError
from fairpoll.evidence import layout
from fairpoll.producer.shards import Shard
from fairpoll.run.distributed.clocks import ClockOffset, measure
from fairpoll.run.distributed.handover import push
from fairpoll.run.distributed.roster import Roster, RunNotes
from fairpoll.run.distributed.run_topic import RunTopic

T = TypeVar("T")

# Containers that are started together are there within this time of one another. One that is later has
# come too late for a shard, which costs it its part and the run nothing.
SETTLE_SECONDS = 3.0
# Whoever is to close the round may die before: the next one does it so much later.
TAKE_OVER_SECONDS = 10.0
# Until every part is ready: machines may have to fetch an image first.
READY_SECONDS = 600.0
# The start is told so long before it is due: a note takes milliseconds to reach everybody, and the consumers
# are at the backlog already.
LEAD_SECONDS = 1.0


class Crew:
    """What the part called `who` knows of the run that it is in. Raises ClusterError throughout."""

    def __init__(self, topic: RunTopic, stopped: Callable[[], bool] = lambda: False) -> None:
        self.topic = topic
        self.roster = Roster()
        self.who = ""
        self._stopped = stopped
        self._run: RunNotes | None = None
        self._offset = ClockOffset(0.0, 0.0)

    @property
    def run(self) -> RunNotes:
        """The run that this is a part of."""
        if self._run is None:
            raise TrafficError("this is a part of no run yet")
        return self._run

    def find(self, run_id: str, who: str) -> RunNotes:
        """Be the part `who` of a run that has been planned, or soon is. Raises DeadlineError."""
        self.who = who
        found = self.wait(
            lambda: self.roster.runs.get(run_id), READY_SECONDS, lambda: f"a plan of run {run_id}"
        )
        self._run = found
        return found

    def join(self, run_id: str, facts: Callable[[], Mapping[str, Any]]) -> tuple[RunNotes, Shard]:
        """Ask for a shard of the traffic: of this run or, without a name, of one that the producers which
        join at the same time make up, and whose facts the first of them gives.

        Raises TrafficError when all shards are taken.
        """
        member = uuid.uuid4().hex
        self.topic.tell("join", member=member, run=run_id)
        known, quiet_since = 0, time.monotonic()

        def seated() -> tuple[RunNotes, Shard] | None:
            nonlocal known, quiet_since
            if full := self.roster.too_many(member):
                raise TrafficError(
                    f"all {full.shards} shards of run {full.run_id} were taken when this producer came; "
                    "it is not needed, and the others go on"
                )
            forming = self.roster.forming
            if member in forming:
                if len(forming) != known:
                    known, quiet_since = len(forming), time.monotonic()
                elif time.monotonic() > quiet_since + SETTLE_SECONDS + TAKE_OVER_SECONDS * forming.index(
                    member
                ):
                    self.topic.tell("plan", forming=forming[0], facts=facts())
                    quiet_since = time.monotonic()
            return self.roster.seat(member)

        what = f"a shard of run {run_id}" if run_id else "the producers to share out the traffic"
        self._run, shard = self.wait(seated, READY_SECONDS, lambda: what)
        self.who = layout.producer_name(shard.number)
        return self._run, shard

    def measure_clock(self) -> None:
        """Compare our clock with the broker's, and tell the others."""
        self._offset = measure(lambda: self.topic.tell("probe"))
        self._tell("clock", **self._offset.to_json())

    def tell(self, what: str, **told: object) -> None:
        """Tell something of this part to all others."""
        self._tell(what, **told)

    def agreed_start(self) -> float:
        """Tell that this part is ready, and wait for all others: the start, in seconds of our own clock.

        Whoever sees that all are ready tells the start; the first one that does counts.
        """
        run = self.run
        self._tell("ready")
        told = False

        def start() -> float | None:
            nonlocal told
            self.check_all_there()
            if not told and run.start_ms is None and not run.missing(run.ready):
                self._tell("start", start_ms=self.broker_ms(now_ms()) + LEAD_SECONDS * 1000)
                told = True
            return run.start_ms

        def what() -> str:
            return f"these to be ready: {', '.join(run.missing(run.ready))}"

        return (self.wait(start, READY_SECONDS, what) + self._offset.offset_ms) / 1000

    def check_all_there(self) -> None:
        """Raise TrafficError when some part has ended although the run has not begun."""
        for who, done in self.run.done.items():
            if self.run.start_ms is None:
                why = done.get("error", "no reason given")
                raise TrafficError(f"{who} has ended before the start: {why}")

    def check_not_stopped(self) -> None:
        """Raise TrafficError when this part has been told to stop."""
        if self._stopped():
            raise TrafficError("stopped before the run's end")

    def broker_ms(self, our_ms: float) -> float:
        """A moment of our clock as the broker's shows it."""
        return round(our_ms - self._offset.offset_ms, 3)

    def wait(self, condition: Callable[[], T | None], timeout_seconds: float, what: Callable[[], str]) -> T:
        """Read notes until the condition is met. Raises DeadlineError, and TrafficError when stopped."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            late = time.monotonic() >= deadline
            for note in self.topic.notes():
                self.roster.add(note)
            if (met := condition()) is not None:
                return met
            if self._stopped():
                raise TrafficError(f"stopped while it waited for {what()}")
            if late:
                raise DeadlineError(f"waited {timeout_seconds:g} s for {what()}")

    def _tell(self, what: str, **told: object) -> None:
        self.topic.tell(what, run=self.run.run_id, who=self.who, **told)


@contextlib.contextmanager
def handed_in(
    crew: Crew, files: Callable[[], list[tuple[Path, str]]], told: dict[str, object]
) -> Iterator[None]:
    """At the end of the block the files are handed in and the part's end is told, however it ended."""
    try:
        yield
    except ClusterError:
        raise  # nobody would take it
    except BaseException as error:
        told["error"] = str(error) or type(error).__name__
        _hand_in(crew, files(), told)
        raise
    _hand_in(crew, files(), told)


def _hand_in(crew: Crew, files: list[tuple[Path, str]], told: Mapping[str, object]) -> None:
    crew.measure_clock()
    push(crew.topic, crew.run.run_id, files)
    crew.tell("done", **told)
