"""Runs one scenario once, with several consumers side by side on the same traffic, and records it.

The recording is one folder:

    run.json               scenario, consumers, cluster, and the time of each phase (see `evidence.facts`)
    ledger.jsonl           the producer's events: each acked message
    observed.jsonl         how the consumers' files grew, observed from outside
    foreign.jsonl          others' messages in topics that existed before the run, if there are any
    samples.jsonl          commits, members of the groups, and memory, observed from outside
    <consumer>/            events.jsonl, client.log, its output files; member-2/ with the same

A distributed run has ledger/1.jsonl and so on, one for each producer, and one file in samples/
and observed/ for each consumer.

If a run is interrupted, the files are complete up to that moment and can be judged.
"""

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fairpoll.base import clock
from fairpoll.base.disk import writing_to
from fairpoll.base.errors import FairpollError
from fairpoll.base.versions import installed_versions
from fairpoll.cluster.base import Cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.shared import SharedAdmin
from fairpoll.contract.avro import REGISTRY_URL
from fairpoll.contract.environment import connection_variables
from fairpoll.contract.events import dump
from fairpoll.contract.output_fields import OUR_FIELDS
from fairpoll.contract.records import Partition
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.producer.traffic import deliverable_in
from fairpoll.run.attached import wait_for_owner
from fairpoll.run.fixed_names import Prepared, create_missing, prepare
from fairpoll.run.foreign import write_foreign
from fairpoll.run.groups import PRODUCED_SECONDS, ConsumerGroups, Progress
from fairpoll.run.members import Members
from fairpoll.run.names import group_names, topic_names, topic_suffix
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.run.processes import ChildProcess, ChildProcesses
from fairpoll.run.readiness import READY_SECONDS, wait_for_event
from fairpoll.run.schema_registry import SchemaRegistry
from fairpoll.scenarios.model import Scenario

# Interval of the checks that the cluster is running: one takes some milliseconds with Docker.
CLUSTER_CHECK_SECONDS = 2.0
# The live traffic starts this long after its announcement: the producer must receive it, and each consumer's
# client is still opening connections.
LEAD_SECONDS = 0.5
LEAD_SECONDS_A_CONSUMER = 0.1
BACKLOG_SECONDS = 120.0


@dataclass
class Experiment:
    """One run of a scenario. Call `run` once; the recording's folder is `folder`.

    `only_volume` omits the topics of the other volume, for a solo run to compare with. The consumers have
    `ready_seconds` to be assigned all partitions. While `run` is active in one thread, another may inject
    faults (`members`, `kill_producer`, ...), record them with `note_fault`, and `abort` the run.
    """

    scenario_file: Path
    scenario: Scenario
    speed: float
    consumers: Sequence[Subject]
    cluster: Cluster
    run_id: str
    folder: Path
    progress: Progress = lambda _text: None
    # Called when everything is ready for the live traffic; returns when it may begin.
    meet: Callable[[], None] = lambda: None
    registry: Registry | None = None
    only_volume: str | None = None
    ready_seconds: float = READY_SECONDS
    # Set when the live traffic begins.
    started: threading.Event = field(default_factory=threading.Event)
    _processes: ChildProcesses = field(init=False)
    _life: ConsumerGroups | None = None
    _created_outputs: frozenset[str] = frozenset()
    _facts: dict[str, object] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _producer: ChildProcess | None = None
    _start_seconds: float = 0.0
    _aborted: bool = False
    _cluster_checked: float = 0.0
    _prepared: Prepared | None = None

    def __post_init__(self) -> None:
        self._processes = ChildProcesses(self.registry)

    def run(self) -> None:
        """Produce and consume, then drain and stop. Raises FairpollError; always stops its processes."""
        registry = SchemaRegistry.of(self.scenario, self.topic_names)
        with writing_to(self.folder), registry or nullcontext():
            self._run({REGISTRY_URL: registry.url} if registry else {})

    def _run(self, variables: Mapping[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.only_volume:
            self.scenario = self.scenario.alone(self.only_volume)
        scaled = self.scenario.at_speed(self.speed)
        self._note(
            begun_ms=clock.now_ms(),
            run_id=self.run_id,
            scenario=self.scenario.to_json(),
            speed=self.speed,
            waits_since="ack",
            cluster={"kind": self.cluster.kind, "description": self.cluster.description},
            topics=self.topic_names,
            consumers=[consumer.name for consumer in self.consumers],
            groups=self.groups,
            fields={c.name: asdict(c.fields) for c in self.consumers if c.fields != OUR_FIELDS},
            judged={c.name: asdict(c.recorded) for c in self.consumers if c.mode},
            versions=installed_versions(),
        )
        life = self._life = ConsumerGroups(
            self.consumers,
            scaled,
            self.topic_names,
            self.groups,
            self.folder,
            self._processes,
            self.cluster.client_config,
            self.cluster.consumer_config,
            check=self._check,
            note=self._note,
            check_cluster=self.cluster.check,
            progress=self.progress,
            begun=self.started.set,
            ready_seconds=self.ready_seconds,
            same_clock=self.cluster.same_clock,
            set_session=self.cluster.set_session,
            run_id=self.run_id,
            output_topics=self.output_topics,
            variables=variables,
        )
        attach = self._attach if any(consumer.attach for consumer in self.consumers) else None
        prepared = self._prepared = prepare(scaled, self.topic_names, self.groups, self.cluster, attach)
        self._note_begin(prepared)
        life.shared = bool(prepared.begin)
        with self._processes:
            partitions = max(topic.partitions for topic in scaled.topics)
            self._created_outputs = create_missing(self.output_topics.values(), partitions, self.cluster)
            self._produce_backlog()
            self._note(produced_ms=clock.now_ms())
            try:
                life.run(self._start_traffic, self._wait_until_produced)
            except FairpollError:
                if not self._aborted:
                    self._note_foreign(prepared)
                raise
            self._note_foreign(prepared)
            self._note(complete=True)

    def _attach(self, admin: SharedAdmin, partitions: Set[Partition]) -> None:
        """Wait until the consumer that runs already owns these partitions. Raises ClusterError."""
        self.progress(f"waiting for the members of group {self.scenario.group}")
        wait_for_owner(admin, self.scenario.group, partitions, self.ready_seconds, self._check)

    def _note_begin(self, prepared: Prepared) -> None:
        """Record the ends of the topics that existed before the run."""
        begin: dict[str, list[int]] = {}
        for topic, name in self.topic_names.items():
            if offsets := [prepared.begin[one] for one in sorted(prepared.begin) if one[0] == name]:
                begin[topic] = offsets
        if begin:
            self._note(begin=begin)

    def _note_foreign(self, prepared: Prepared) -> None:
        """Record the offsets of others' messages in shared topics, when all consumers have stopped."""
        if prepared.begin:
            self.progress("reading the shared topics for messages of others")
            path, config = self.folder / layout.FOREIGN, self.cluster.client_config
            (group,) = group_names(["observer"], self.run_id, self.cluster.prefix).values()
            self._note(foreign=write_foreign(path, config, group, self.run_id, prepared.begin))

    @property
    def members(self) -> dict[str, Members]:
        """Consumer -> the processes of its group; empty before `run`."""
        return self._life.members if self._life else {}

    @property
    def outputs(self) -> DeliveryCounter | None:
        """The counter of deliveries, from the start of the live traffic on."""
        return self._life.outputs if self._life else None

    @property
    def topic_names(self) -> dict[str, str]:
        """The scenario's topics -> their names on the cluster, which carry the run id unless fixed."""
        return topic_names(self.scenario, topic_suffix(self.run_id), self.cluster.prefix)

    @property
    def deletable(self) -> tuple[list[str], list[str]]:
        """The topics and groups on the cluster that are this run's own, by their names or by its creation."""
        fixed = {topic.fixed_name for topic in self.scenario.topics if topic.fixed_name}
        created = self._prepared.created if self._prepared else frozenset()
        topics = [name for name in self.topic_names.values() if name not in fixed or name in created]
        groups = [name for name in self.groups.values() if name != self.scenario.group]
        return [*topics, *self._created_outputs], groups

    @property
    def output_topics(self) -> dict[str, str]:
        """Consumer -> the topic in which its records are seen, for those whose evidence is a topic."""
        sources = {c.name: c.source for c in self.consumers if c.source and c.source.kind == "topic"}
        own = group_names([f"{name}.out" for name in sources], self.run_id, self.cluster.prefix)
        return {name: source.place or own[f"{name}.out"] for name, source in sources.items()}

    @property
    def groups(self) -> dict[str, str]:
        """Consumer -> its group, which carries the run id unless it is fixed. Raises ScenarioError."""
        names = [consumer.name for consumer in self.consumers]
        return group_names(names, self.run_id, self.cluster.prefix, self.scenario.group)

    def _note(self, **facts: object) -> None:
        """Add facts to run.json, which is replaced atomically."""
        with self._lock:
            self._facts.update(facts)
            draft = self.folder / "run.json.part"
            draft.write_text(dump(self._facts), "utf-8")
            draft.replace(self.folder / layout.RUN)

    def note_fault(self, target: str, what: str, from_ms: float, until_ms: float | None = None) -> None:
        """Record a fault that was injected into the `target` (broker, network, consumer, producer, output).

        `what` describes it, such as `killed broker 2`. It lasted from `from_ms` to `until_ms` (epoch); by
        default it is instantaneous.
        """
        with self._lock:
            known = self._facts.get("faults", [])
            fault = {"target": target, "what": what, "from_ms": from_ms, "until_ms": until_ms or from_ms}
            self._note(faults=[*(known if isinstance(known, list) else []), fault])

    @property
    def seconds_left(self) -> float:
        """Remaining real seconds of the live traffic."""
        duration = self.scenario.duration_seconds / self.speed
        return self._start_seconds + duration - clock.now_seconds()

    def kill_producer(self) -> None:
        """Kill the producer with SIGKILL; messages sent but not acked are then in doubt."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is None:
            raise FairpollError("the producer is not running")
        producer.kill()

    def start_producer(self) -> None:
        """Start a new producer after `kill_producer`, which resumes the schedule at the current time."""
        with self._lock:
            if self._producer:
                raise FairpollError("the producer is running already")
            producer = self._producer = self._launch_producer("--resume", str(self.folder / layout.LEDGER))
        producer.send_command(f"start {self._start_seconds}")

    def abort(self) -> None:
        """Stop all processes; `run` raises an error."""
        self._aborted = True
        self._processes.stop()

    def _check(self) -> None:
        """Raise FairpollError if the run was aborted or the cluster has ended."""
        if self._aborted:
            raise FairpollError("the run was aborted")
        if time.monotonic() >= self._cluster_checked + CLUSTER_CHECK_SECONDS:
            self.cluster.check()
            self._cluster_checked = time.monotonic()

    def _produce_backlog(self) -> None:
        """Start the producer and wait until the backlog is acked."""
        self._producer = self._launch_producer()
        self.progress(f"producing the backlog of {sum(t.backlog for t in self.scenario.topics):,} messages")
        wait_for_event(self._producer, "backlog_complete", BACKLOG_SECONDS, self._check)

    def _launch_producer(self, *more: str) -> ChildProcess:
        command = (sys.executable, "-m", "fairpoll", "produce", "--controlled", *more)
        environment = {
            **connection_variables(self.cluster.client_config),
            "FAIRPOLL_SCENARIO_FILE": str(self.scenario_file),
            "FAIRPOLL_SPEED": f"{self.speed:g}",
            "FAIRPOLL_RUN_ID": self.run_id,
            **({"FAIRPOLL_ONLY_VOLUME": self.only_volume} if self.only_volume else {}),
            "FAIRPOLL_NAMES": self.scenario.names,
            "FAIRPOLL_TOPIC_SUFFIX": topic_suffix(self.run_id),
            "FAIRPOLL_TOPIC_PREFIX": self.cluster.prefix,
        }
        events, log = self.folder / layout.LEDGER, self.folder / "producer.log"
        return self._processes.start("producer", command, environment, events, log)

    def _start_traffic(self) -> float:
        """Send the producer the start of the live traffic, and return it (epoch seconds)."""
        self.meet()
        lead = LEAD_SECONDS + LEAD_SECONDS_A_CONSUMER * len(self.consumers)
        start = self._start_seconds = clock.now_seconds() + lead
        if self._producer:
            self._producer.send_command(f"start {start}")
        duration = self.scenario.duration_seconds / self.speed
        self._note(start_ms=start * 1000, end_ms=(start + duration) * 1000)
        return start

    def _wait_until_produced(self) -> int:
        """Wait for the end of the producer, and return how many messages can be delivered."""
        if self._producer is None:
            raise FairpollError("the producer was killed and not started again before the traffic's end")
        assert self._life is not None
        wait_for_event(self._producer, "shutdown_complete", PRODUCED_SECONDS, self._life.check_running)
        return deliverable_in(self.folder / layout.LEDGER)
