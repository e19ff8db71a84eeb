"""Runs one scenario once, with several consumers side by side on the same traffic, and records it.

Everything that happens is left in one folder, the recording:

    run.json               what was run, on what, and when each phase began (see `history`)
    ledger.jsonl           the producer's events: each acked message
    samples.jsonl          committed offsets and memory, seen from outside
    <consumer>/            events.jsonl, client.log, its output files; member-2/ with the same

The files are complete up to the moment at which a run is cut off, so that it can still be judged.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fairpoll import client_config, clock, layout
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.base import Cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.errors import ClusterError, DeadlineError, TrafficError
from fairpoll.events import Event, Tail, dump
from fairpoll.host import HostMonitor
from fairpoll.members import ConsumerUnderTest, Members
from fairpoll.outputs import DeliveryCounter
from fairpoll.processes import ChildProcess, last_lines
from fairpoll.sampler import Sampler
from fairpoll.scenario import Scenario
from fairpoll.waiting import wait_until

# Joining a group takes a broker's session of a few rounds, a cold Python and its client a second.
READY_SECONDS = 60.0
# How often the coordinator is asked about consumers that do not tell their assignments.
ASK_SECONDS = 1.0
# The live traffic starts this long after the order: the producer must be waiting for it, and each
# consumer's client is still opening its connections.
LEAD_SECONDS = 0.5
LEAD_SECONDS_A_CONSUMER = 0.1
# With its sink set free, a consumer that delivers nothing for this long has stalled.
DRAIN_STALL_SECONDS = 10.0
DRAIN_SECONDS = 300.0
BACKLOG_SECONDS = 120.0

Progress = Callable[[str], None]


@dataclass
class Experiment:
    """One run of a scenario. Call `run` once; the recording's folder is `folder`.

    `only_volume` leaves the topics of the other volume out: a solo run to compare with.
    """

    scenario_file: Path
    scenario: Scenario
    speed: float
    consumers: Sequence[ConsumerUnderTest]
    cluster: Cluster
    run_id: str
    folder: Path
    progress: Progress = lambda _text: None
    registry: Registry | None = None
    only_volume: str | None = None
    _processes: list[ChildProcess] = field(default_factory=list)
    _facts: dict[str, object] = field(default_factory=dict)

    def run(self) -> None:
        """Produce and consume, then drain and stop. Raises FairpollError; always stops what it started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.only_volume:
            self.scenario = self.scenario.alone(self.only_volume)
        scaled = self.scenario.at_speed(self.speed)
        self._note(
            run_id=self.run_id,
            scenario=self.scenario.to_json(),
            speed=self.speed,
            cluster={"kind": self.cluster.kind, "description": self.cluster.description},
            topics=self.topic_names,
            consumers=[consumer.name for consumer in self.consumers],
            groups=self.groups,
        )
        partitions = {self.topic_names[t.name]: t.partitions for t in scaled.topics}
        members = [self._members(consumer, scaled) for consumer in self.consumers]
        pids = {one.consumer.name: one.pids for one in members}
        try:
            self.cluster.create_topics(partitions)
            producer = self._start_producer()
            for one in members:
                one.start()
            self._wait_until_assigned(members)
            samples = self.folder / layout.SAMPLES
            config = self.cluster.client_config
            with Sampler(samples, config, self.groups, partitions, lambda name: pids[name]()):
                self._produce_and_consume(scaled, producer, members)
                self._stop_all()  # within the sampler's context: its last look is at what they left
            self._note(stopped_ms=clock.now_ms(), complete=True)
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
        self._facts.update(facts)
        draft = self.folder / "run.json.part"
        draft.write_text(dump(self._facts), "utf-8")
        draft.replace(self.folder / layout.RUN)

    def _start_producer(self) -> ChildProcess:
        """Start the producer and wait for the backlog; consumers must find it there."""
        command = (sys.executable, "-m", "fairpoll.cli", "produce", "--controlled")
        environment = {
            "FAIRPOLL_SCENARIO_FILE": str(self.scenario_file),
            "FAIRPOLL_SPEED": f"{self.speed:g}",
            "FAIRPOLL_RUN_ID": self.run_id,
            **({"FAIRPOLL_ONLY_VOLUME": self.only_volume} if self.only_volume else {}),
            "FAIRPOLL_TOPIC_SUFFIX": f".{self.run_id}",
        }
        producer = self._launch("producer", command, environment, self.folder)
        self.progress(f"producing the backlog of {sum(t.backlog for t in self.scenario.topics):,} messages")
        self._wait_for_event(producer, "backlog_complete", BACKLOG_SECONDS)
        return producer

    def _members(self, consumer: ConsumerUnderTest, scaled: Scenario) -> Members:
        names = self.topic_names
        rates = {names[t.name]: t.sink_rate for t in scaled.topics if t.sink_rate}
        settings = scaled.settings
        environment = {
            "FAIRPOLL_GROUP": self.groups[consumer.name],
            "FAIRPOLL_TOPICS": " ".join(f"{names[t.name]}={t.output}" for t in scaled.topics),
            "FAIRPOLL_SINK_RATE": f"{scaled.sink_rate:g}",
            "FAIRPOLL_TOPIC_SINK_RATES": " ".join(f"{topic}={rate:g}" for topic, rate in rates.items()),
            "FAIRPOLL_POLL_INTERVAL_MS": str(settings.poll_interval_ms),
            "FAIRPOLL_MAX_POLL_RECORDS": str(settings.max_poll_records),
            "FAIRPOLL_PARTITION_PAUSE_THRESHOLD": str(settings.partition_pause_threshold),
            "FAIRPOLL_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
            "FAIRPOLL_MAX_POLL_INTERVAL_MS": str(settings.max_poll_interval_ms),
            "FAIRPOLL_POISON_POLICY": settings.poison_policy,
        }
        return Members(consumer, environment, self.folder / consumer.name, self._launch)

    def _launch(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], folder: Path
    ) -> ChildProcess:
        """Start a producer or a consumer that connects to the cluster and keeps its files in the folder."""
        connection = client_config.to_environment(self.cluster.client_config)
        servers = {"FAIRPOLL_BOOTSTRAP_SERVERS": self.cluster.client_config["bootstrap.servers"]}
        events, log = layout.EVENTS, layout.CLIENT_LOG
        if name == "producer":
            events, log = layout.LEDGER, "producer.log"
        told = {**connection, **servers, **environment}
        process = ChildProcess(name, command, told, folder / events, folder / log)
        self._processes.append(process)
        if self.registry:
            self.registry.add_process(process.pid)
        return process

    def _wait_for_event(self, process: ChildProcess, name: str, timeout_seconds: float) -> Event:
        tail = Tail(process.events)

        def seen() -> Event | None:
            running = process.running  # asked first: its last event may come just before its end
            for event in tail.read():
                if event.get("name") == name:
                    return event
            if not running:
                raise TrafficError(f"{process.name} ended before {name}:\n{last_lines(process.log)}")
            return None

        return wait_until(
            seen,
            timeout_seconds,
            f"{name} from {process.name}",
            last_seen=lambda: "its log ends with\n" + last_lines(process.log),
        )

    def _wait_until_assigned(self, groups: Sequence[Members]) -> None:
        """Wait until each consumer's group has given it every partition.

        By the consumer's own word; of one that tells no assignments, by the coordinator's.
        """
        wanted = {(self.topic_names[t.name], p) for t in self.scenario.topics for p in range(t.partitions)}
        tails = {g.consumer.name: Tail(g.folder / layout.EVENTS) for g in groups}
        owned: dict[str, set[tuple[str, int]]] = {name: set() for name in tails}
        silent = set(tails)
        admin = Admin(self.cluster.client_config, self.folder / "admin.log")
        ask_at = time.monotonic() + ASK_SECONDS

        def all_assigned() -> bool:
            nonlocal ask_at
            for name, tail in tails.items():
                for event in tail.read():
                    spots = {(p["topic"], p["partition"]) for p in event.get("partitions", [])}
                    if event.get("name") == "partitions_assigned":
                        owned[name] |= spots
                        silent.discard(name)
                    elif event.get("name") == "partitions_revoked":
                        owned[name] -= spots
            for group in groups:
                group.check()
            if silent and time.monotonic() >= ask_at:
                for name in silent:
                    # A group that is not there yet, or a broker that cannot tell (the mock): not assigned.
                    with contextlib.suppress(ClusterError):
                        owned[name] |= admin.assignments(self.groups[name])
                ask_at = time.monotonic() + ASK_SECONDS
            return all(wanted <= partitions for partitions in owned.values())

        self.progress(f"waiting until {', '.join(tails)} have been given their partitions")
        try:
            wait_until(
                all_assigned,
                READY_SECONDS,
                f"all {len(wanted)} partitions to be assigned to each consumer",
                last_seen=lambda: ", ".join(f"{name} has {len(spots)}" for name, spots in owned.items()),
            )
        finally:
            admin.close()

    def _produce_and_consume(
        self, scaled: Scenario, producer: ChildProcess, groups: Sequence[Members]
    ) -> None:
        start = clock.now_seconds() + LEAD_SECONDS + LEAD_SECONDS_A_CONSUMER * len(groups)
        producer.order(f"start {start}")
        self._note(start_ms=start * 1000, end_ms=(start + scaled.duration_seconds) * 1000)
        outputs = DeliveryCounter(
            self.folder, scaled, {group.consumer.name: group.folder for group in groups}, self.topic_names
        )
        host = HostMonitor()
        with host:
            self._watch(scaled, start, groups, outputs)
        self._note(host=host.figures())
        self._wait_for_event(producer, "shutdown_complete", READY_SECONDS)
        if scaled.drain:
            self._drain(groups, outputs)

    def _watch(
        self, scaled: Scenario, start: float, groups: Sequence[Members], outputs: DeliveryCounter
    ) -> None:
        """Until the end of the live traffic: do the timeline's steps, report progress, notice who dies."""
        end = start + scaled.duration_seconds
        steps = sorted(scaled.timeline, key=lambda step: step.at_seconds)
        done: list[dict[str, object]] = []

        def over() -> bool:
            now = clock.now_seconds()
            while steps and now >= start + steps[0].at_seconds:
                step = steps.pop(0)
                for group in groups:
                    group.act(step.action)
                done.append({"at_ms": clock.now_ms(), "verb": step.action.verb, "rate": step.action.rate})
                self._note(timeline=done)
            for group in groups:
                group.check()
            elapsed = min(max(now - start, 0), scaled.duration_seconds)
            self.progress(
                f"{elapsed:.0f} of {scaled.duration_seconds:.0f} s; delivered so far: {outputs.told()}"
            )
            return now >= end

        wait_until(over, end - clock.now_seconds() + 1, "the live traffic to end", interval_seconds=0.1)

    def _drain(self, groups: Sequence[Members], outputs: DeliveryCounter) -> None:
        """Set the sinks free and wait until each consumer has caught up, or has stalled.

        What is missing after this is lost or stuck, not late. A stall does not end the run: the
        judge sees what is missing, and names it.
        """
        acked = sum(1 for e in Tail(self.folder / layout.LEDGER).read() if "offset" in e and not e["poison"])
        for group in groups:
            group.set_sink(None)
        self._note(drain_ms=clock.now_ms())
        last = {group.consumer.name: 0 for group in groups}
        moved_at = time.monotonic()

        def drained() -> bool:
            nonlocal moved_at
            for name, total in outputs.totals().items():
                if total > last[name]:
                    last[name], moved_at = total, time.monotonic()
            told = ", ".join(f"{name} {number:,}" for name, number in last.items())
            self.progress(f"draining to {acked:,} messages: {told}")
            caught_up = all(number >= acked for number in last.values())
            return caught_up or time.monotonic() - moved_at > DRAIN_STALL_SECONDS

        try:
            wait_until(drained, DRAIN_SECONDS, "the consumers to catch up")
        except DeadlineError as error:
            self._note(drain=str(error))

    def _stop_all(self) -> None:
        for process in self._processes:
            process.ask_to_stop()
        for process in self._processes:
            process.stop()
