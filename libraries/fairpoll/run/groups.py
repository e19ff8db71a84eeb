"""The life of consumer groups whose members run on this machine, in a suite or in a distributed run.

Start, assignment, observation during the timeline, drain and stop.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fairpoll.base import clock
from fairpoll.base.disk import check_room
from fairpoll.base.errors import DeadlineError
from fairpoll.base.waiting import wait_until
from fairpoll.contract.environment import connection_variables
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.run.awaited import Awaited
from fairpoll.run.collectors import Collectors
from fairpoll.run.members import Members, environment_of
from fairpoll.run.observer import Observer
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.run.processes import ChildProcesses
from fairpoll.run.readiness import READY_SECONDS, wait_until_assigned
from fairpoll.run.sampler import Sampler
from fairpoll.run.timeline import Timeline
from fairpoll.run.usage import UsageSampler
from fairpoll.scenarios.model import Scenario

# The producers' last messages must be acked within this time after the end of the traffic.
PRODUCED_SECONDS = 60.0
# A consumer that delivers nothing for this long, with an unlimited sink, has stalled.
DRAIN_STALL_SECONDS = 10.0
DRAIN_SECONDS = 300.0
# The session timeout of the consumer protocol (group.consumer.session.timeout.ms), where it cannot be set.
BROKERS_SESSION_SECONDS = 45.0

Progress = Callable[[str], None]


@dataclass
class ConsumerGroups:
    """`scenario` is at its speed; `topics` and `names` map topics and consumers to theirs on the cluster.

    `check` raises an error that ends the run, `check_cluster` one if the cluster does not answer; both are
    called several times a second. `note` adds facts to run.json. `begun` is called when the live traffic
    begins. The caller of `run` must stop the `processes`.
    """

    consumers: Sequence[Subject]
    scenario: Scenario
    topics: Mapping[str, str]
    names: Mapping[str, str]
    folder: Path
    processes: ChildProcesses
    # Properties of the harness's own clients, and of those of the consumers.
    client_config: Mapping[str, str]
    consumer_config: Mapping[str, str]
    check: Callable[[], None]
    note: Callable[..., None]
    check_cluster: Callable[[], None] = lambda: None
    progress: Progress = lambda _text: None
    begun: Callable[[], None] = lambda: None
    ready_seconds: float = READY_SECONDS
    # Whether the brokers run on this machine, so that their times are those of its clock.
    same_clock: bool = False
    # Sets the session timeout of a group's members in the consumer protocol; False if that is the broker's.
    set_session: Callable[[str, int], bool] = lambda _group, _ms: False
    # For consumers whose records are seen from outside: the run that their messages are of, and the topics.
    run_id: str = ""
    output_topics: Mapping[str, str] = field(default_factory=dict)
    # Further environment variables of the consumers.
    variables: Mapping[str, str] = field(default_factory=dict)
    # Whether others may write to the topics.
    shared: bool = False
    outputs: DeliveryCounter | None = None
    members: dict[str, Members] = field(init=False)
    _observer: Observer = field(init=False)
    _collectors: Collectors = field(init=False)
    _pauses_noted: int = 0
    # The consumers whose session in the consumer protocol is the broker's.
    _brokers_session: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.members = {consumer.name: self._members_of(consumer) for consumer in self.consumers}

    def _members_of(self, consumer: Subject) -> Members:
        environment = environment_of(self.scenario, self.topics, self.names[consumer.name])
        environment |= {**connection_variables(self.consumer_config), **self.variables}
        return Members(consumer, environment, self.folder / consumer.name, self.processes)

    def run(self, agree_start: Callable[[], float], wait_until_produced: Callable[[], int]) -> None:
        """From the start of the first members to the end of the last. Raises FairpollError.

        A consumer that ends after its assignment does not end the run.

        `agree_start` is called when all partitions are assigned, and returns the start of the live traffic
        (epoch seconds); `wait_until_produced` after its end, and returns the number of messages to deliver.
        """
        files = [file for group in self.members.values() for file in group.files(self.scenario)]
        self._observer = Observer(self.folder / layout.OBSERVED, files)
        try:
            self._run(agree_start, wait_until_produced)
        finally:
            self.note(host=self._observer.figures())
            self._note_processes()

    def _run(self, agree_start: Callable[[], float], wait_until_produced: Callable[[], int]) -> None:
        partitions = {self.topics[topic.name]: topic.partitions for topic in self.scenario.topics}
        sampler = Sampler(
            self.folder / layout.SAMPLES,
            self.client_config,
            self.names,
            partitions,
            same_clock=self.same_clock,
        )
        usage = UsageSampler(self.folder / layout.SAMPLES, self.members, lambda name: self.members[name].tree)
        collectors = self._collectors = Collectors(
            self.consumers,
            self.output_topics,
            self.run_id,
            self.folder,
            self.client_config,
            self.processes.apart(),
        )
        # The processes are stopped before the collectors read what is left, and the sampler takes its last
        # sample, also after an error.
        with self._observer, sampler, usage, collectors, self.processes:
            for name, given in collectors.start(self.scenario, self.check).items():
                self.members[name].environment |= given
                self.members[name].sink_changed = partial(collectors.set_sink, name)
            self._start_members(partitions, sampler)
            self._watch(agree_start())
            to_deliver = wait_until_produced()
            if self.scenario.drain:
                self._drain(to_deliver, self._stall_seconds(sampler))
            self._note_processes()  # before their logs end with their stop
        self.note(stopped_ms=clock.now_ms())

    def _start_members(self, partitions: Mapping[str, int], sampler: Sampler) -> None:
        """Start the first members, and wait until they are assigned all partitions."""

        def check() -> None:
            sampler.check()
            self.check_running()

        session_ms = self.scenario.settings.session_timeout_ms
        self._brokers_session = {
            name for name, group in self.names.items() if not self.set_session(group, session_ms)
        }
        self.note(brokers_session=sorted(self._brokers_session))
        for name, group in self.members.items():
            group.start()
            if group.consumer.attach:
                sampler.note_members(name)
        self.progress(f"waiting for the partitions of {', '.join(self.members)}")
        wait_until_assigned(
            {(topic, number) for topic, count in partitions.items() for number in range(count)},
            {name: (self.names[name], group) for name, group in self.members.items()},
            self.client_config,
            check,
            self.ready_seconds,
        )
        self.note(assigned_ms=clock.now_ms())
        self._note_processes()

    def check_running(self) -> None:
        """Raise FairpollError if a process has ended that must not (see `Members.check`), or `check` does."""
        self.check()
        self._check_host()
        self._collectors.check()
        for group in self.members.values():
            group.check()

    def _check_host(self) -> None:
        """Note new pauses of the host. Raises FairpollError if the disk is full, which loses evidence."""
        check_room(self.folder)
        if (pauses := self._observer.pauses) > self._pauses_noted:
            self._pauses_noted = pauses
            self.note(host=self._observer.figures())

    def _note_processes(self) -> None:
        self.note(processes=[entry for group in self.members.values() for entry in group.recorded()])

    def _watch(self, start: float) -> None:
        """Until live traffic and timeline end, do its steps, report progress and check the processes."""
        places = {name: (group.folder, group.consumer.fields) for name, group in self.members.items()}
        outputs = self.outputs = DeliveryCounter(
            self.folder, self.scenario, places, self.topics, self._observer.sizes
        )
        duration = self.scenario.duration_seconds
        timeline = Timeline(self.scenario, list(self.members.values()))
        steps_noted = 0
        has_begun = False

        def over() -> bool:
            nonlocal has_begun, steps_noted
            elapsed = clock.now_seconds() - start
            if elapsed >= 0 and not has_begun:
                has_begun = True
                outputs.begin()
                self.begun()
            is_over = timeline.over(elapsed)
            if len(timeline.done) > steps_noted:
                steps_noted = len(timeline.done)
                self.note(timeline=timeline.done)
            self.check_running()
            if has_begun:
                shown = min(elapsed, duration)
                self.progress(f"{shown:.0f} of {duration:.0f} s; delivered so far: {outputs.summary()}")
            return is_over

        # A step can be delayed to the end of the traffic, and those after it by as much.
        at_most = start + 2 * duration - clock.now_seconds() + 1
        wait_until(over, at_most, "the live traffic and the timeline to end", interval_seconds=0.1)

    def _stall_seconds(self, sampler: Sampler) -> float:
        """How long all consumers may deliver nothing in the drain before they have stalled."""
        waiting = [
            name
            for name in sorted(self._brokers_session)
            if sampler.kind_of(name) == "consumer" and self.members[name].lost_a_process
        ]
        if not waiting:
            return DRAIN_STALL_SECONDS
        self.progress(
            f"{', '.join(waiting)}: in the consumer protocol a killed member's partitions come free when the "
            f"broker's session timeout ends, after {BROKERS_SESSION_SECONDS:g} s by default"
        )
        return DRAIN_STALL_SECONDS + BROKERS_SESSION_SECONDS

    def _drain(self, to_deliver: int, stall_seconds: float) -> None:
        """Remove the sinks' limits and wait until each consumer has this many messages, or all have stalled.

        A message that is missing then is lost or stuck, not late. A stall is left to the judge.
        """
        assert self.outputs is not None
        outputs = self.outputs
        for group in self.members.values():
            group.set_sink(None)
        self.note(drain_ms=clock.now_ms())
        last = dict.fromkeys(self.members, 0)
        running = [consumer.name for consumer in self.consumers if consumer.attach]
        ledger, names = self.folder / layout.LEDGER, list(self.members)
        awaited = Awaited(ledger, outputs, names, running) if self.shared else None
        moved_at = self._observer.awake_seconds()

        def drained() -> bool:
            nonlocal moved_at
            self.check_cluster()
            self._check_host()
            self._collectors.check()
            for group in self.members.values():
                group.watch()
            totals = outputs.totals()
            left = awaited.left() if awaited else {name: to_deliver - n for name, n in totals.items()}
            for name, total in totals.items():
                number = awaited.progress(name, total) if awaited else total
                if number != last[name]:
                    last[name], moved_at = number, self._observer.awake_seconds()
            counts = ", ".join(f"{name} {number:,}" for name, number in totals.items())
            self.progress(f"draining to {to_deliver:,} messages: {counts}")
            caught_up = all(n <= 0 or not self.members[name].alive for name, n in left.items())
            return caught_up or self._observer.awake_seconds() - moved_at > stall_seconds

        try:
            wait_until(drained, DRAIN_SECONDS, "the consumers to catch up")
        except DeadlineError as error:
            self.note(drain=str(error))
        self.note(drained_ms=clock.now_ms())
