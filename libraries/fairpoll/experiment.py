"""Runs one scenario once, with several consumers side by side on the same traffic, and records it.

Everything that happens is left in one folder, the recording:

    run.json               what was run, on what, and when each phase began (see `history`)
    ledger.jsonl           the producer's events: each acked message
    <consumer>/events.jsonl, <consumer>/<output files>, <consumer>/client.log

The files are complete up to the moment at which a run is cut off, so that it can still be judged.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fairpoll import client_config, clock
from fairpoll.cluster.base import Cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.errors import DeadlineError, TrafficError
from fairpoll.events import Event, Tail, dump
from fairpoll.host import HostMonitor
from fairpoll.processes import ChildProcess, last_lines
from fairpoll.scenario import Scenario
from fairpoll.waiting import wait_until

# Joining a group takes a broker's session of a few rounds, a cold Python and its client a second.
READY_SECONDS = 60.0
# The live traffic starts this long after the order, so that the producer is waiting for it.
LEAD_SECONDS = 0.5
# With its sink set free, a consumer that delivers nothing for this long has stalled.
DRAIN_STALL_SECONDS = 10.0
BACKLOG_SECONDS = 120.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ConsumerUnderTest:
    """A consumer's name in the report and the command that starts it.

    The command learns all it needs from environment variables (`fairpoll consume --help`).
    """

    name: str
    command: tuple[str, ...]

    @classmethod
    def built_in(cls, mode: str) -> "ConsumerUnderTest":
        return cls(mode, (sys.executable, "-m", "fairpoll.cli", "consume", "--mode", mode, "--controlled"))


@dataclass
class Experiment:
    """One run of a scenario. Call `run` once; the recording's folder is `folder`."""

    scenario_file: Path
    scenario: Scenario
    speed: float
    consumers: Sequence[ConsumerUnderTest]
    cluster: Cluster
    run_id: str
    folder: Path
    progress: Progress = lambda _text: None
    registry: Registry | None = None
    _processes: list[ChildProcess] = field(default_factory=list)
    _facts: dict[str, object] = field(default_factory=dict)

    def run(self) -> None:
        """Produce and consume, then drain and stop. Raises FairpollError; always stops what it started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        scaled = self.scenario.at_speed(self.speed)
        self._note(
            run_id=self.run_id,
            scenario=self.scenario.to_json(),
            speed=self.speed,
            cluster={"kind": self.cluster.kind, "description": self.cluster.description},
            topics=self.topic_names,
            consumers=[consumer.name for consumer in self.consumers],
        )
        host = HostMonitor()
        try:
            self.cluster.create_topics({self.topic_names[t.name]: t.partitions for t in scaled.topics})
            producer = self._start_producer()
            consumers = {consumer.name: self._start_consumer(consumer, scaled) for consumer in self.consumers}
            self._wait_until_assigned(consumers)
            start = clock.now_seconds() + LEAD_SECONDS
            end = start + scaled.duration_seconds
            producer.order(f"start {start}")
            self._note(start_ms=start * 1000, end_ms=end * 1000)
            with host:
                self._watch(scaled, start, end, consumers)
            self._note(host=host.figures())
            self._wait_for_event(producer, "shutdown_complete", READY_SECONDS)
            self._drain(consumers)
            self._note(stopped_ms=clock.now_ms(), complete=True)
        finally:
            self._stop_all()
            self.cluster.delete(
                list(self.topic_names.values()), [self._group(c.name) for c in self.consumers]
            )

    @property
    def topic_names(self) -> dict[str, str]:
        """The scenario's topic names -> those on the cluster, which carry the run id."""
        return {topic.name: f"{topic.name}.{self.run_id}" for topic in self.scenario.topics}

    def _group(self, consumer: str) -> str:
        return f"fairpoll.{self.run_id}.{consumer}"

    def _note(self, **facts: object) -> None:
        """Add facts to run.json; replaced in one step, so that it is whole at any moment."""
        self._facts.update(facts)
        draft = self.folder / "run.json.part"
        draft.write_text(dump(self._facts), "utf-8")
        draft.replace(self.folder / "run.json")

    def _start_producer(self) -> ChildProcess:
        """Start the producer and wait for the backlog; consumers must find it there."""
        command = [sys.executable, "-m", "fairpoll.cli", "produce", "--controlled"]
        environment = {
            "FAIRPOLL_SCENARIO_FILE": str(self.scenario_file),
            "FAIRPOLL_SPEED": f"{self.speed:g}",
            "FAIRPOLL_RUN_ID": self.run_id,
            "FAIRPOLL_TOPIC_SUFFIX": f".{self.run_id}",
        }
        producer = self._start("producer", command, environment, self.folder / "ledger.jsonl", self.folder)
        self.progress(f"producing the backlog of {sum(t.backlog for t in self.scenario.topics):,} messages")
        self._wait_for_event(producer, "backlog_complete", BACKLOG_SECONDS)
        return producer

    def _start_consumer(self, consumer: ConsumerUnderTest, scaled: Scenario) -> ChildProcess:
        folder = self.folder / consumer.name
        settings = scaled.settings
        environment = {
            "FAIRPOLL_GROUP": self._group(consumer.name),
            "FAIRPOLL_TOPICS": " ".join(f"{self.topic_names[t.name]}={t.output}" for t in scaled.topics),
            "FAIRPOLL_OUTPUT_FOLDER": str(folder),
            "FAIRPOLL_SINK_RATE": f"{scaled.sink_rate:g}",
            "FAIRPOLL_POLL_INTERVAL_MS": str(settings.poll_interval_ms),
            "FAIRPOLL_MAX_POLL_RECORDS": str(settings.max_poll_records),
            "FAIRPOLL_PARTITION_PAUSE_THRESHOLD": str(settings.partition_pause_threshold),
        }
        return self._start(consumer.name, consumer.command, environment, folder / "events.jsonl", folder)

    def _start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], events: Path, folder: Path
    ) -> ChildProcess:
        connection = client_config.to_environment(self.cluster.client_config)
        servers = {"FAIRPOLL_BOOTSTRAP_SERVERS": self.cluster.client_config["bootstrap.servers"]}
        log = folder / ("producer.log" if name == "producer" else "client.log")
        process = ChildProcess(name, command, {**connection, **servers, **environment}, events, log)
        self._processes.append(process)
        if self.registry:
            self.registry.add_process(process.pid)
        return process

    def _wait_for_event(self, process: ChildProcess, name: str, timeout_seconds: float) -> Event:
        tail = Tail(process.events)

        def seen() -> Event | None:
            for event in tail.read():
                if event.get("name") == name:
                    return event
            if not process.running:
                # Its very last event may have come after the read above.
                late = [event for event in tail.read() if event.get("name") == name]
                if late:
                    return late[0]
                raise TrafficError(f"{process.name} ended before {name}:\n{last_lines(process.log)}")
            return None

        return wait_until(
            seen,
            timeout_seconds,
            f"{name} from {process.name}",
            last_seen=lambda: "its log ends with\n" + last_lines(process.log),
        )

    def _wait_until_assigned(self, consumers: Mapping[str, ChildProcess]) -> None:
        """Wait until each consumer's group has given it every partition."""
        wanted = {(self.topic_names[t.name], p) for t in self.scenario.topics for p in range(t.partitions)}
        tails = {name: Tail(process.events) for name, process in consumers.items()}
        owned: dict[str, set[tuple[str, int]]] = {name: set() for name in consumers}

        def all_assigned() -> bool:
            for name, process in consumers.items():
                for event in tails[name].read():
                    spots = {(p["topic"], p["partition"]) for p in event.get("partitions", [])}
                    if event.get("name") == "partitions_assigned":
                        owned[name] |= spots
                    elif event.get("name") == "partitions_revoked":
                        owned[name] -= spots
                process.check()
            return all(wanted <= partitions for partitions in owned.values())

        self.progress(f"waiting until {', '.join(consumers)} have been given their partitions")
        wait_until(
            all_assigned,
            READY_SECONDS,
            f"all {len(wanted)} partitions to be assigned to each consumer",
            last_seen=lambda: ", ".join(f"{name} has {len(spots)}" for name, spots in owned.items()),
        )

    def _watch(
        self, scaled: Scenario, start: float, end: float, consumers: Mapping[str, ChildProcess]
    ) -> None:
        """Until the end of the live traffic: report progress, notice whoever dies."""
        counts = self._output_counts(consumers)

        def over() -> bool:
            for process in self._processes:
                if process.name != "producer":
                    process.check()
            elapsed = min(clock.now_seconds() - start, scaled.duration_seconds)
            told = "; ".join(
                f"{name}: " + ", ".join(f"{volume} {count:,}" for volume, count in counts[name]().items())
                for name in consumers
            )
            self.progress(f"{max(elapsed, 0):.0f} of {scaled.duration_seconds:.0f} s; delivered {told}")
            return clock.now_seconds() >= end

        wait_until(over, end - clock.now_seconds() + 1, "the live traffic to end", interval_seconds=0.25)

    def _output_counts(
        self, consumers: Mapping[str, ChildProcess]
    ) -> dict[str, Callable[[], dict[str, int]]]:
        """For each consumer, a function that counts the lines of its outputs so far, by volume."""

        def counter(name: str) -> Callable[[], dict[str, int]]:
            tails = [(t.volume, Tail(self.folder / name / t.output)) for t in self.scenario.topics]
            totals = {topic.volume: 0 for topic in self.scenario.topics}

            def count() -> dict[str, int]:
                for volume, tail in tails:
                    totals[volume] += len(tail.read())
                return totals

            return count

        return {name: counter(name) for name in consumers}

    def _drain(self, consumers: Mapping[str, ChildProcess]) -> None:
        """Set the sinks free and wait until each consumer has caught up, or has stalled.

        What is missing after this is lost or stuck, not late. A stall does not end the run: the
        judge sees what is missing, and names it.
        """
        acked = sum(1 for event in Tail(self.folder / "ledger.jsonl").read() if "offset" in event)
        for process in consumers.values():
            process.order("drain")
        counts = self._output_counts(consumers)
        self._note(drain_ms=clock.now_ms())
        last = dict.fromkeys(consumers, 0)
        moved_at = time.monotonic()

        def drained() -> bool:
            nonlocal moved_at
            for name in consumers:
                total = sum(counts[name]().values())
                if total > last[name]:
                    last[name], moved_at = total, time.monotonic()
            told = ", ".join(f"{name} {count:,}" for name, count in last.items())
            self.progress(f"draining to {acked:,} messages: {told}")
            caught_up = all(count >= acked for count in last.values())
            return caught_up or time.monotonic() - moved_at > DRAIN_STALL_SECONDS

        try:
            wait_until(drained, READY_SECONDS * 5, "the consumers to catch up")
        except DeadlineError as error:
            self._note(drain=str(error))

    def _stop_all(self) -> None:
        for process in self._processes:
            process.ask_to_stop()
        for process in self._processes:
            if not process.stop():
                self._note(**{f"{process.name}_killed": True})
