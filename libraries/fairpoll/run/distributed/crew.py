"""One part of a distributed run: finds the other parts and stays in step with them."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from fairpoll.base.clock import now_ms
from fairpoll.base.errors import ClusterError, DeadlineError, TrafficError
from fairpoll.evidence import layout
from fairpoll.evidence.facts import ClockOffset
from fairpoll.producer.shards import Shard
from fairpoll.run.distributed.clocks import measure
from fairpoll.run.distributed.handover import push
from fairpoll.run.distributed.roster import Roster, RunNotes
from fairpoll.run.distributed.run_topic import RunTopic

T = TypeVar("T")

# Containers that are started together join within this time of one another. A later one gets no shard.
SETTLE_SECONDS = 3.0
# If the producer that should close the join round dies, the next one takes over after this delay.
TAKE_OVER_SECONDS = 10.0
# Longest wait for all parts to be ready: machines may have to pull an image first.
READY_SECONDS = 600.0
# The start is announced this long ahead; a note reaches all parts within milliseconds.
LEAD_SECONDS = 1.0
# A part that is killed hands in nothing: whoever waits for it knows by its silence.
ALIVE_SECONDS = 5.0


class Crew:
    """The view that the part `who` has of its run. All methods raise ClusterError."""

    def __init__(self, topic: RunTopic, stopped: Callable[[], bool] = lambda: False) -> None:
        self.topic = topic
        self.roster = Roster()
        self.who = ""
        self._stopped = stopped
        self._run: RunNotes | None = None
        self._offset = ClockOffset(0.0, 0.0)

    @property
    def run(self) -> RunNotes:
        """The run of this part. Raises TrafficError before `find` or `join`."""
        if self._run is None:
            raise TrafficError("this part has not joined a run yet")
        return self._run

    def find(self, run_id: str, who: str) -> RunNotes:
        """Become the part `who` of a run; waits for its plan. Raises DeadlineError."""
        self.who = who
        found = self.wait(
            lambda: self.roster.runs.get(run_id), READY_SECONDS, lambda: f"a plan of run {run_id}"
        )
        self._run = found
        return found

    def join(self, run_id: str, facts: Mapping[str, Any]) -> tuple[RunNotes, Shard]:
        """Ask for a shard of the traffic of this run. Without a run id, producers that join at the same time
        form a run, with the facts of the first of them.

        Raises TrafficError when all shards are taken.
        """
        member = uuid.uuid4().hex
        self.topic.publish("join", member=member, run=run_id)
        known, quiet_since = 0, time.monotonic()

        def seated() -> tuple[RunNotes, Shard] | None:
            nonlocal known, quiet_since
            if full := self.roster.too_many(member):
                raise TrafficError(
                    f"all {full.shards} shards of run {full.run_id} were taken before this producer joined; "
                    "it is not needed, and the others continue"
                )
            forming = self.roster.forming
            if member in forming:
                if len(forming) != known:
                    known, quiet_since = len(forming), time.monotonic()
                elif time.monotonic() > quiet_since + SETTLE_SECONDS + TAKE_OVER_SECONDS * forming.index(
                    member
                ):
                    self.topic.publish("plan", forming=forming[0], facts=facts)
                    quiet_since = time.monotonic()
            return self.roster.seat(member)

        what = f"a shard of run {run_id}" if run_id else "the producers to share out the traffic"
        self._run, shard = self.wait(seated, READY_SECONDS, lambda: what)
        self.who = layout.producer_name(shard.number)
        return self._run, shard

    def measure_clock(self) -> None:
        """Measure the offset of this clock from the broker's, and publish it."""
        self._offset = measure(lambda: self.topic.publish("probe"))
        self.publish("clock", **asdict(self._offset))

    def publish(self, what: str, **fields: object) -> None:
        """Publish a note of this part."""
        self.topic.publish(what, run=self.run.run_id, who=self.who, **fields)

    def agreed_start(self) -> float:
        """Report this part as ready, wait for all others, and return the start (epoch seconds, our clock).

        Each part that sees all others ready publishes a start; the first one counts.
        """
        run = self.run
        self.publish("ready")
        is_published = False

        def start() -> float | None:
            nonlocal is_published
            self.check_all_there()
            if not is_published and run.start_ms is None and not run.missing(run.ready):
                self.publish("start", start_ms=self.broker_ms(now_ms()) + LEAD_SECONDS * 1000)
                is_published = True
            return run.start_ms

        def what() -> str:
            return f"these to be ready: {', '.join(run.missing(run.ready))}"

        return (self.wait(start, READY_SECONDS, what) + self._offset.offset_ms) / 1000

    def check_all_there(self) -> None:
        """Raise TrafficError if a part has ended before the start of the run."""
        for who, done in self.run.done.items():
            if self.run.start_ms is None:
                why = done.get("error", "no reason given")
                raise TrafficError(f"{who} has ended before the start: {why}")

    def check_not_stopped(self) -> None:
        """Raise TrafficError if this part was asked to stop."""
        if self._stopped():
            raise TrafficError("stopped before the run's end")

    def broker_ms(self, our_ms: float) -> float:
        """A time of our clock (epoch ms) in the broker's."""
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


@contextlib.contextmanager
def handed_in(
    crew: Crew, files: Callable[[], list[tuple[Path, str]]], facts: dict[str, object]
) -> Iterator[None]:
    """Give signs of life during the block; at its end, also after an error, hand in files and facts."""
    with _signs_of_life(crew):
        try:
            yield
        except ClusterError:
            raise  # without a cluster nothing can be handed in
        except BaseException as error:
            facts["error"] = str(error) or type(error).__name__
            _hand_in(crew, files(), facts)
            raise
        _hand_in(crew, files(), facts)


@contextlib.contextmanager
def _signs_of_life(crew: Crew) -> Iterator[None]:
    ended = threading.Event()

    def give() -> None:
        while not ended.wait(ALIVE_SECONDS):
            with contextlib.suppress(ClusterError):  # the part itself meets the same cluster
                crew.publish("alive")

    thread = threading.Thread(target=give, name="signs-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _hand_in(crew: Crew, files: list[tuple[Path, str]], facts: Mapping[str, object]) -> None:
    crew.measure_clock()
    push(crew.topic, crew.run.run_id, files)
    crew.publish("done", **facts)
