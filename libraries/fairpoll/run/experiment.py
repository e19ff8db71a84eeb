"""Runs one scenario once, with several consumers side by side on the same traffic, and records it.

Everything that happens is left in one folder, the recording:

    run.json               what was run, on what, and when each phase began (see `history`)
    ledger.jsonl           the producer's events: each acked message
    samples.jsonl          committed offsets and memory, seen from outside
    <consumer>/            events.jsonl, client.log, its output files; member-2/ with the same

Of a run in `parts` there are ledger/1.jsonl and so on, one of each producer, and samples/<consumer>.jsonl.

The files are complete up to the moment at which a run is cut off, so that it can still be judged.
"""

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fairpoll.base import clock
from fairpoll.base.disk import writing_to
from fairpoll.base.errors import ClusterError, FairpollError
from fairpoll.base.versions import installed_versions
from fairpoll.cluster.base import Cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract import client_config
from fairpoll.contract.events import dump
from fairpoll.contract.output_fields import OUR_FIELDS
from fairpoll.evidence import layout
from fairpoll.producer.traffic import deliverable_in
from fairpoll.run.course import Course, Progress
from fairpoll.run.host import HostMonitor
from fairpoll.run.members import ConsumerUnderTest, Members, environment_of
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.run.processes import STOP_SECONDS, ChildProcess
from fairpoll.run.readiness import READY_SECONDS, wait_for_event, wait_until_assigned
from fairpoll.run.sampler import Sampler
from fairpoll.scenarios.model import Scenario

# The last messages must have been acked so long after the end of the traffic.
PRODUCED_SECONDS = 60.0
# How often it is made sure that the cluster is still there: asking an engine takes some milliseconds.
CLUSTER_CHECK_SECONDS = 2.0
# The live traffic starts this long after the order: the producer must be waiting for it, and each
# consumer's client is still opening its connections.
LEAD_SECONDS = 0.5
LEAD_SECONDS_A_CONSUMER = 0.1
BACKLOG_SECONDS = 120.0


@dataclass
class Experiment:
    """One run of a scenario. Call `run` once; the recording's folder is `folder`.

    `only_volume` leaves the topics of the other volume out: a solo run to compare with. The consumers
    have `ready_seconds` to be given all partitions. While `run` goes on in one thread, another may do
    harm to its parts (`members`, `kill_producer`, ...), note it with `note_fault`, and `abort` it.
    """

    scenario_file: Path
    scenario: Scenario
    speed: float
    consumers: Sequence[ConsumerUnderTest]
    cluster: Cluster
    run_id: str
    folder: Path
    progress: Progress = lambda _text: None
    # Called when all is ready for the live traffic; returns when it may begin.
    meet: Callable[[], None] = lambda: None
    registry: Registry | None = None
    only_volume: str | None = None
    ready_seconds: float = READY_SECONDS
    # Set when the live traffic begins.
    started: threading.Event = field(default_factory=threading.Event)
    members: dict[str, Members] = field(default_factory=dict)
    outputs: DeliveryCounter | None = None
    _processes: list[ChildProcess] = field(default_factory=list)
    _facts: dict[str, object] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _producer: ChildProcess | None = None
    _start_seconds: float = 0.0
    _aborted: bool = False
    _cluster_checked: float = 0.0

    def run(self) -> None:
        """Produce and consume, then drain and stop. Raises FairpollError; always stops what it started."""
        with writing_to(self.folder):
            self._run()

    def _run(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.only_volume:
            self.scenario = self.scenario.alone(self.only_volume)
        scaled = self.scenario.at_speed(self.speed)
        self._note(
            begun_ms=clock.now_ms(),
            run_id=self.run_id,
            scenario=self.scenario.to_json(),
            speed=self.speed,
            cluster={"kind": self.cluster.kind, "description": self.cluster.description},
            topics=self.topic_names,
            consumers=[consumer.name for consumer in self.consumers],
            groups=self.groups,
            fields={c.name: asdict(c.fields) for c in self.consumers if c.fields != OUR_FIELDS},
            judged={c.name: {"command": c.command_line, "shows": c.shows} for c in self.consumers if c.mode},
            versions=installed_versions(),
        )
        partitions = {self.topic_names[t.name]: t.partitions for t in scaled.topics}
        self.members = {consumer.name: self._members(consumer, scaled) for consumer in self.consumers}
        members = list(self.members.values())
        pids = {one.consumer.name: one.pids for one in members}
        try:
            self.cluster.create_topics(partitions)
            self._produce_backlog()
            self._note(produced_ms=clock.now_ms())
            for one in members:
                one.start()
            self.progress(f"waiting until {', '.join(self.members)} have been given their partitions")
            wanted = {(topic, number) for topic, count in partitions.items() for number in range(count)}
            wait_until_assigned(
                wanted,
                {one.consumer.name: (self.groups[one.consumer.name], one.folder) for one in members},
                self.cluster.client_config,
                self._check,
                self.ready_seconds,
            )
            self._note(assigned_ms=clock.now_ms())
            self.meet()
            samples = self.folder / layout.SAMPLES
            config = self.cluster.client_config
            with Sampler(samples, config, self.groups, partitions, lambda name: pids[name]()):
                self._produce_and_consume(scaled)
                self._stop_all()  # within the sampler's context: its last look is at what they left
            self._note(stopped_ms=clock.now_ms(), complete=True)
        except ClusterError:
            self._stop_all(at_most_seconds=0.0)  # they would wait in vain for brokers that are gone
            raise
        finally:
            self._stop_all()

    @property
    def topic_names(self) -> dict[str, str]:
        """The scenario's topic names -> those on the cluster, which carry the run id."""
        return {topic.name: f"{topic.name}.{self.run_id}" for topic in self.scenario.topics}

    @property
    def groups(self) -> dict[str, str]:
        """Consumer -> its group, which carries the run id."""
        return {consumer.name: f"fairpoll.{self.run_id}.{consumer.name}" for consumer in self.consumers}

    def _note(self, **facts: object) -> None:
        """Add facts to run.json; replaced in one step, so that it is whole at any moment."""
        with self._lock:
            self._facts.update(facts)
            draft = self.folder / "run.json.part"
            draft.write_text(dump(self._facts), "utf-8")
            draft.replace(self.folder / layout.RUN)

    def note_fault(self, target: str, what: str, from_ms: float, until_ms: float | None = None) -> None:
        """Write down what was done to the `target` (broker, network, consumer, producer, output).

        `what` reads as in `killed broker 2`; the fault lasted until `until_ms` (epoch; not given: it was
        over at once, and the cluster had to help itself).
        """
        with self._lock:
            known = self._facts.get("faults", [])
            fault = {"target": target, "what": what, "from_ms": from_ms, "until_ms": until_ms or from_ms}
            self._note(faults=[*(known if isinstance(known, list) else []), fault])

    @property
    def seconds_left(self) -> float:
        """Of the live traffic, in real seconds."""
        duration = self.scenario.duration_seconds / self.speed
        return self._start_seconds + duration - clock.now_seconds()

    def kill_producer(self) -> None:
        """SIGKILL: what it had sent and not yet seen acked is in doubt from then on."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is None:
            raise FairpollError("the producer is not running")
        producer.kill()

    def start_producer(self) -> None:
        """Start it anew after `kill_producer`; it goes on with the schedule where that is now."""
        with self._lock:
            if self._producer:
                raise FairpollError("the producer is running already")
            producer = self._producer = self._launch_producer("--resume", str(self.folder / layout.LEDGER))
        producer.order(f"start {self._start_seconds}")

    def abort(self) -> None:
        """Stop everything; `run` ends with an error."""
        self._aborted = True
        self._stop_all()

    def _check(self) -> None:
        """Raise FairpollError if something has ended that ought to run."""
        if self._aborted:
            raise FairpollError("the run was broken off")
        for group in self.members.values():
            group.check()
        if time.monotonic() >= self._cluster_checked + CLUSTER_CHECK_SECONDS:
            self.cluster.check()
            self._cluster_checked = time.monotonic()

    def _produce_backlog(self) -> None:
        """Start the producer and wait for the backlog; consumers must find it there."""
        self._producer = self._launch_producer()
        self.progress(f"producing the backlog of {sum(t.backlog for t in self.scenario.topics):,} messages")
        wait_for_event(self._producer, "backlog_complete", BACKLOG_SECONDS, self._check)

    def _launch_producer(self, *more: str) -> ChildProcess:
        command = (sys.executable, "-m", "fairpoll", "produce", "--controlled", *more)
        environment = {
            "FAIRPOLL_SCENARIO_FILE": str(self.scenario_file),
            "FAIRPOLL_SPEED": f"{self.speed:g}",
            "FAIRPOLL_RUN_ID": self.run_id,
            **({"FAIRPOLL_ONLY_VOLUME": self.only_volume} if self.only_volume else {}),
            "FAIRPOLL_TOPIC_SUFFIX": f".{self.run_id}",
        }
        return self._launch("producer", command, environment, self.folder)

    def _members(self, consumer: ConsumerUnderTest, scaled: Scenario) -> Members:
        environment = environment_of(scaled, self.topic_names, self.groups[consumer.name])
        return Members(consumer, environment, self.folder / consumer.name, self._launch)

    def _launch(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], folder: Path
    ) -> ChildProcess:
        """Start a producer or a consumer that connects to the cluster and keeps its files in the folder."""
        if name == "producer":
            config, events, log = self.cluster.client_config, layout.LEDGER, "producer.log"
        else:
            config, events, log = self.cluster.consumer_config, layout.EVENTS, layout.CLIENT_LOG
        servers = {"FAIRPOLL_BOOTSTRAP_SERVERS": config["bootstrap.servers"]}
        told = {**client_config.to_environment(config), **servers, **environment}
        process = ChildProcess(name, command, told, folder / events, folder / log)
        self._processes.append(process)
        if self.registry:
            self.registry.add_process(process.pid)
        return process

    def _produce_and_consume(self, scaled: Scenario) -> None:
        lead = LEAD_SECONDS + LEAD_SECONDS_A_CONSUMER * len(self.members)
        start = self._start_seconds = clock.now_seconds() + lead
        if self._producer:
            self._producer.order(f"start {start}")
        self._note(start_ms=start * 1000, end_ms=(start + scaled.duration_seconds) * 1000)
        places = {name: (group.folder, group.consumer.fields) for name, group in self.members.items()}
        outputs = self.outputs = DeliveryCounter(self.folder, scaled, places, self.topic_names)
        course = Course(
            scaled,
            self.members,
            outputs,
            check=self._check,
            check_cluster=self.cluster.check,
            note=self._note,
            progress=self.progress,
            begun=self.started.set,
        )
        host = HostMonitor()
        with host:
            course.watch(start)
        self._note(host=host.figures())
        if self._producer is None:
            raise FairpollError("the producer was killed and not started again before the traffic's end")
        wait_for_event(self._producer, "shutdown_complete", PRODUCED_SECONDS, self._check)
        if scaled.drain:
            course.drain(deliverable_in(self.folder / layout.LEDGER))

    def _stop_all(self, at_most_seconds: float = STOP_SECONDS) -> None:
        """All side by side: those that have not ended after this time are killed."""
        for process in self._processes:
            process.ask_to_stop()
        deadline = time.monotonic() + at_most_seconds
        for process in self._processes:
            process.stop(max(0.0, deadline - time.monotonic()))
