"""The parts of a run that is spread over machines: the plan, a shard of the traffic, a consumer, the judge's.

What `experiment` does in one place, each part does for itself; `crew` keeps them in step. Each writes its
evidence to a folder of its own and hands it in at its end.
"""

import contextlib
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from fairpoll import client_config, clock, layout
from fairpoll.clocks import over_a_run
from fairpoll.consumers import MODES
from fairpoll.course import Course
from fairpoll.crew import READY_SECONDS, Crew
from fairpoll.errors import ClusterError, ConsumerError, DeadlineError, FairpollError, ScenarioError
from fairpoll.events import EventWriter, dump
from fairpoll.fields import OUR_FIELDS
from fairpoll.handover import pull, push
from fairpoll.host import HostMonitor
from fairpoll.members import ConsumerUnderTest, Members, environment_of
from fairpoll.outputs import DeliveryCounter
from fairpoll.processes import ChildProcess
from fairpoll.produce_options import create_missing
from fairpoll.readiness import wait_until_assigned
from fairpoll.roster import Roster, RunNotes
from fairpoll.run_topic import RunTopic
from fairpoll.sampler import Sampler
from fairpoll.scenario import Scenario
from fairpoll.shards import Shard
from fairpoll.text import quoted
from fairpoll.traffic import TrafficProducer, acked_to_deliver

# The last messages must have been acked so long after the end of the traffic.
PRODUCED_SECONDS = 60.0
ASK_SECONDS = 1.0
# Folders and files of a recording that are nobody's.
TAKEN_NAMES = ("ledger", "samples", "charts", layout.RUN, layout.VERDICT, layout.LEDGER, layout.SAMPLES, "")


def new_run_id() -> str:
    """By date and time, as the suites name theirs."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def facts_of_plan(
    run_id: str,
    scenario: Scenario,
    speed: float,
    servers: str,
    *,
    topics: Mapping[str, str],
    consumers: Sequence[str] = (),
    shards: int = 1,
) -> dict[str, Any]:
    """What run.json says of a run before it begins. Raises ScenarioError for names that cannot be folders."""
    for name in consumers:
        if name in TAKEN_NAMES or Path(name).name != name or name in (".", ".."):
            raise ScenarioError(f"{quoted(name)} cannot be the name of a consumer")
    return {
        "run_id": run_id,
        "scenario": scenario.to_json(),
        "speed": speed,
        "cluster": {"kind": "external", "description": f"cluster at {servers}"},
        "topics": dict(topics),
        "consumers": list(consumers),
        "groups": {name: f"fairpoll.{run_id}.{name}" for name in consumers},
        "shards": shards,
    }


def plan(topic: RunTopic, config: Mapping[str, str], facts: Mapping[str, Any]) -> None:
    """Create a run's topics and tell its plan. Raises ClusterError."""
    topic.create()
    scenario = Scenario.from_json(facts["scenario"])
    create_missing({facts["topics"][one.name]: one.partitions for one in scenario.topics}, config)
    topic.tell("plan", facts=facts)


class _Both:
    """A stream into two: what is printed is kept as well."""

    def __init__(self, *streams: IO[str]) -> None:
        self._streams = streams

    def write(self, text: str) -> None:
        for stream in self._streams:
            stream.write(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()


@dataclass(frozen=True)
class Wanted:
    """What a producer is told to send; of a planned run it is the plan that counts."""

    scenario: Scenario
    speed: float
    topics: Mapping[str, str]
    create_topics: bool
    shard: Shard | None = None
    run_id: str | None = None


def produce_together(
    wanted: Wanted, config: Mapping[str, str], evidence_topic: str, stop: threading.Event
) -> None:
    """Be one of several producers; see `fairpoll produce --help`. Raises FairpollError.

    An indexed Job of Kubernetes numbers its pods in JOB_COMPLETION_INDEX, from 0.
    """
    index = os.environ.get("JOB_COMPLETION_INDEX", "")
    index = index if index.isdecimal() else ""
    shard = wanted.shard
    if (shard or index) and not wanted.run_id:
        raise ScenarioError("a shard is one of a planned run: give its --run-id")
    topic = RunTopic(config, evidence_topic)
    topic.create()
    crew = Crew(topic, stop.is_set)
    if wanted.run_id and (shard or index):
        number = shard.number if shard else int(index) + 1
        run = crew.find(wanted.run_id, layout.producer_name(number))
        if number > run.shards or (shard and shard.count != run.shards):
            raise ScenarioError(f"run {run.run_id} has {run.shards} shards, this is {shard or number}")
        shard = Shard(number, run.shards)
    else:

        def facts() -> Mapping[str, Any]:
            run_id, servers = wanted.run_id or new_run_id(), config["bootstrap.servers"]
            return facts_of_plan(run_id, wanted.scenario, wanted.speed, servers, topics=wanted.topics)

        _, shard = crew.join(wanted.run_id or "", facts)
    produce_share(crew, shard, config, stop, create_topics=wanted.create_topics)
    topic.close()


def produce_share(
    crew: Crew, shard: Shard, config: Mapping[str, str], stop: threading.Event, *, create_topics: bool
) -> None:
    """Be one of a run's producers, from the backlog to the ledger that is handed in. Raises FairpollError."""
    run = crew.run
    scenario = run.scenario.at_speed(run.speed)
    if create_topics:
        create_missing({run.topics[one.name]: one.partitions for one in scenario.topics}, config)
    with tempfile.TemporaryDirectory(prefix="fairpoll-producer-") as folder:
        ledger = Path(folder) / layout.LEDGER
        told: dict[str, object] = {}
        with (
            ledger.open("a", encoding="utf-8") as file,
            _handed_in(crew, lambda: [(ledger, layout.ledger_of(shard.number))], told),
        ):
            emit = EventWriter(_Both(sys.stdout, file))  # type: ignore[arg-type]
            crew.measure_clock()
            producer = TrafficProducer(
                scenario, run.run_id, run.topics, config, emit, shard.partitions(scenario)
            )
            emit("startup_complete", run_id=run.run_id, shard=str(shard))
            producer.produce_backlog()
            start = crew.agreed_start()
            host = HostMonitor()
            with host:
                producer.produce_live(start, stop)
            told["host"] = host.figures()
            emit("shutdown_complete", failed=producer.failed)
            crew.tell("produced", acked=acked_to_deliver(ledger))
            if stop.is_set():
                raise FairpollError("stopped before the traffic's end")


def run_consumer(
    crew: Crew, config: Mapping[str, str], command: tuple[str, ...], say: Callable[[str], None]
) -> None:
    """Run one consumer of a run, by the same contract as in the suites, and hand in what it left.

    Without a command it is the built-in one of that name. Raises FairpollError.
    """
    run, name = crew.run, crew.who
    if name not in run.consumers:
        raise ConsumerError(
            f"run {run.run_id} has no consumer {quoted(name)}; it has {', '.join(run.consumers)}"
        )
    if not command and name not in MODES:
        raise ConsumerError(f"{quoted(name)} is not built in; give its command behind the name")
    consumer = ConsumerUnderTest(name, command) if command else ConsumerUnderTest.built_in(name)
    with tempfile.TemporaryDirectory(prefix="fairpoll-consumer-") as place:
        folder = Path(place)
        (folder / name).mkdir()
        told: dict[str, object] = {}
        part = _ConsumerPart(crew, config, consumer, folder, told)
        with _handed_in(crew, part.files, told):
            crew.measure_clock()
            crew.tell("here")
            say(f"{name}: waiting for the backlog of {run.shards} producers, and the other consumers")
            crew.wait(part.may_start, READY_SECONDS, lambda: ", ".join(run.missing(run.ready | run.here)))
            part.run(say)


class _ConsumerPart:
    """One consumer group of a run, with all its members on this machine."""

    def __init__(
        self,
        crew: Crew,
        config: Mapping[str, str],
        consumer: ConsumerUnderTest,
        folder: Path,
        told: dict[str, object],
    ) -> None:
        self._crew, self._config, self._folder, self._told = crew, config, folder, told
        run = crew.run
        self._scaled = run.scenario.at_speed(run.speed)
        self._group = f"fairpoll.{run.run_id}.{consumer.name}"
        environment = environment_of(self._scaled, run.topics, self._group)
        self._processes: list[ChildProcess] = []
        self._members = Members(consumer, environment, folder / consumer.name, self._launch)

    def files(self) -> list[tuple[Path, str]]:
        """What it has left, and under which names that is handed in."""
        name = self._crew.who
        found = [path for path in sorted((self._folder / name).rglob("*")) if path.is_file()]
        left = [(path, path.relative_to(self._folder).as_posix()) for path in found]
        samples = self._folder / layout.SAMPLES
        return [*left, *([(samples, layout.samples_of(name))] if samples.exists() else [])]

    def may_start(self) -> bool | None:
        """Every producer has told that its backlog is acked, and every consumer can start; None until then.

        One that was to wait for another machine would have worked off the backlog by the start.
        """
        self._crew.check_all_there()
        run = self._crew.run
        return True if set(run.producers) <= run.ready and set(run.consumers) <= run.here else None

    def run(self, say: Callable[[str], None]) -> None:
        """From the first member's start to the last one's end. Raises FairpollError."""
        name, run = self._crew.who, self._crew.run
        partitions = {run.topics[one.name]: one.partitions for one in self._scaled.topics}
        wanted = {(topic, number) for topic, count in partitions.items() for number in range(count)}
        places = {name: (self._members.folder, OUR_FIELDS)}
        outputs = DeliveryCounter(self._folder, self._scaled, places, run.topics)
        course = Course(
            self._scaled,
            {name: self._members},
            outputs,
            check=self._check,
            check_cluster=lambda: None,
            note=self._note,
            progress=lambda _text: None,
        )
        samples = self._folder / layout.SAMPLES
        try:
            self._members.start()
            waiting = {name: (self._group, self._members.folder)}
            wait_until_assigned(wanted, waiting, self._config, self._check)
            say(f"{name}: has its partitions, waiting for the others")
            start = self._crew.agreed_start()
            with Sampler(
                samples, self._config, {name: self._group}, partitions, lambda _: self._members.pids()
            ):
                host = HostMonitor()
                with host:
                    course.watch(start)
                self._told["host"] = host.figures()
                self._wait_and_drain(course, say)
                self._stop()  # within the sampler's context: its last look is at what they left
            self._told["stopped_ms"] = self._crew.broker_ms(clock.now_ms())
            say(f"{name}: stopped; delivered {outputs.told()}")
        finally:
            self._stop()

    def _wait_and_drain(self, course: Course, say: Callable[[str], None]) -> None:
        run = self._crew.run

        def produced() -> bool | None:
            return True if set(run.producers) <= set(run.produced) else None

        def missing() -> str:
            return f"the traffic of {', '.join(one for one in run.producers if one not in run.produced)}"

        try:
            self._crew.wait(produced, PRODUCED_SECONDS, missing)
        except DeadlineError as error:
            self._told["error"] = str(error)  # the rest is worth having all the same
        if self._scaled.drain:
            say(f"{self._crew.who}: draining")
            course.drain(sum(run.produced.values()))

    def _check(self) -> None:
        self._members.check()
        self._crew.check_not_stopped()

    def _note(self, **facts: object) -> None:
        """Facts of the run, with the times in them by the broker's clock."""
        for name, value in facts.items():
            if name.endswith("_ms") and isinstance(value, float):
                self._told[name] = self._crew.broker_ms(value)
            elif name == "timeline" and isinstance(value, list):
                self._told[name] = [{**step, "at_ms": self._crew.broker_ms(step["at_ms"])} for step in value]
            else:
                self._told[name] = value

    def _launch(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], folder: Path
    ) -> ChildProcess:
        servers = {"FAIRPOLL_BOOTSTRAP_SERVERS": self._config["bootstrap.servers"]}
        told = {**client_config.to_environment(self._config), **servers, **environment}
        process = ChildProcess(name, command, told, folder / layout.EVENTS, folder / layout.CLIENT_LOG)
        self._processes.append(process)
        return process

    def _stop(self) -> None:
        for process in self._processes:
            process.ask_to_stop()
        for process in self._processes:
            process.stop()


@contextlib.contextmanager
def _handed_in(
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


def fetch(topic: RunTopic, run: RunNotes, folder: Path) -> None:
    """Write a run's recording, as far as it was handed in, into the folder. Raises FairpollError."""
    folder.mkdir(parents=True, exist_ok=True)
    cut_off = pull(topic, run.run_id, folder)
    (folder / layout.RUN).write_text(dump(facts_of(run, cut_off)), "utf-8")


def facts_of(run: RunNotes, cut_off: Sequence[str] = ()) -> dict[str, Any]:
    """run.json of a run, by what its parts have told; times by the broker's clock."""
    told = [f"{who}: {done['error']}" for who, done in run.done.items() if done.get("error")]
    told += [f"{who} did not hand in its evidence" for who in run.missing(run.done)]
    told += [f"{name} was handed in in part" for name in cut_off]
    facts: dict[str, Any] = {
        **run.facts,
        "shards": run.shards,
        "complete": not told,
        "incomplete": "; ".join(told),
    }
    if run.start_ms is not None:
        lasts = run.scenario.duration_seconds / run.speed * 1000
        facts |= {"start_ms": run.start_ms, "end_ms": run.start_ms + lasts}
    ends = [run.done[name] for name in run.consumers if name in run.done]
    stopped = [end["stopped_ms"] for end in ends if "stopped_ms" in end]
    if stopped and len(stopped) == len(run.consumers):
        facts["stopped_ms"] = max(stopped)
    for name in ("timeline", "drain_ms"):
        if found := [end[name] for end in ends if name in end]:
            facts[name] = found[0]
    hosts = [done["host"]["longest_pause_seconds"] for done in run.done.values() if "host" in done]
    facts["host"] = {"longest_pause_seconds": max(hosts, default=0.0)}
    facts["clocks"] = {who: over_a_run(measured).to_json() for who, measured in run.clocks.items()}
    return facts


def awaited_run(topic: RunTopic, run_id: str | None, wait_seconds: float) -> RunNotes | None:
    """The run of this name, or the last one planned, once all its parts have ended or so long from now.

    None where nothing tells of such a run. Raises ClusterError.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        late = time.monotonic() >= deadline
        roster = Roster()
        for note in topic.all_notes():
            roster.add(note)
        run = roster.runs.get(run_id) if run_id else next(reversed(roster.runs.values()), None)
        if late or (run and not run.missing(run.done)):
            return run
        time.sleep(ASK_SECONDS)
