"""The processes of one consumer under test: its first member, and a second one that may join it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from fairpoll.base import clock
from fairpoll.base.logs import last_lines
from fairpoll.contract.assignments import Assignments
from fairpoll.contract.environment import (
    MEMBER,
    OUTPUT_FOLDER,
    SINK_RATE,
    TOPIC_SINK_RATES,
    ConsumerEnvironment,
)
from fairpoll.contract.events import Tail
from fairpoll.contract.records import DEAD_LETTERS
from fairpoll.contract.source import SINK_URL
from fairpoll.contract.subject import MOST_RESTARTS, Subject
from fairpoll.evidence import layout
from fairpoll.evidence.facts import Process
from fairpoll.run.processes import ChildProcesses
from fairpoll.run.started import StartedProcess
from fairpoll.scenarios.model import Scenario
from fairpoll.scenarios.units import Action

# Doubled each time, as by a supervisor.
FIRST_RESTART_SECONDS = 0.5
# What has outlived a member that ended is stopped before its successor is started.
LEAVE_SECONDS = 1.0
# How many of the last lines of a process are recorded.
LAST_LINES = 3


def environment_of(scenario: Scenario, topic_names: Mapping[str, str], group: str) -> dict[str, str]:
    """The environment of a consumer group in this scenario, without its connection and output folder.

    `topic_names` maps the scenario's topics to those on the cluster.
    """
    return ConsumerEnvironment(
        group,
        {topic_names[topic.name]: topic.output for topic in scenario.topics},
        scenario.sink_rate,
        {topic_names[topic.name]: topic.sink_rate for topic in scenario.topics if topic.sink_rate},
        scenario.settings,
    ).to_environment()


@dataclass
class Members:
    """One consumer group: its processes and their `environment`, without the output folders.

    The first member and its successors write to the consumer's folder, the second to a folder within it.
    `assigned` is set once the first member has been assigned all partitions at the start.
    """

    consumer: Subject
    environment: dict[str, str]
    folder: Path
    processes: ChildProcesses
    first: StartedProcess | None = None
    second: StartedProcess | None = None
    assigned: bool = False
    # Passes on a change of the sink's rate to a sink that is served.
    sink_changed: Callable[[float | None], None] = lambda _rate: None
    _started: list[StartedProcess] = field(default_factory=list)
    _excused: list[StartedProcess] = field(default_factory=list)
    _ended: list[StartedProcess] = field(default_factory=list)
    # The end of the log of each process when it was last seen running.
    _logs: dict[StartedProcess, str] = field(default_factory=dict)
    _tails: dict[Path, Tail] = field(default_factory=dict)
    _assignments: Assignments = field(default_factory=Assignments)

    def files(self, scenario: Scenario) -> list[Path]:
        """The files in which its members may leave what they do."""
        names = {*(topic.output for topic in scenario.topics), layout.EVENTS, layout.SEEN, DEAD_LETTERS}
        return [
            folder / name for folder in (self.folder, self.folder / layout.SECOND_MEMBER) for name in names
        ]

    def start(self) -> StartedProcess | None:
        """Start the first member, or its successor; none of a consumer that runs already."""
        if self.consumer.attach:
            self.folder.mkdir(parents=True, exist_ok=True)
            return None
        self.first = self._launch(self.consumer.name, self.folder)
        return self.first

    def ready_for(self, action: Action) -> bool:
        """Whether the member of this step of the timeline has its partitions.

        A second member that leaves before its assignment would have no effect. A consumer that does not
        report its assignments is always ready.
        """
        self._read_assignments()
        member = {"leave": self.second, "join": self.first, "stop": self.first, "kill": self.first}.get(
            action.verb
        )
        if member is None or not member.running or not self._assignments.reported:
            return True
        return self._assignments.current_assignment(str(member.events)) is not None

    def _read_assignments(self) -> None:
        for path, tail in self._tails.items():
            while events := tail.read():
                for event in events:
                    self._assignments.take(event, str(path))

    def act(self, action: Action) -> None:
        """Do one step of the timeline, without waiting for its effect."""
        match action.verb:
            case "join":
                self.second = self._launch_second()
            case "leave" if self.second:
                second, self.second = self.second, None
                self._terminate(second)
            case "stop" if self.first:
                first, self.first = self.first, None
                self._terminate(first)
            case "kill" if self.first:
                killed, self.first = self.first, None
                killed.kill()
            case "start" if not self.first:
                for process in self._ended:
                    process.stop()
                self.start()
            case "sink":
                self.set_sink(action.rate)

    def _terminate(self, member: StartedProcess) -> None:
        member.terminate()
        self._ended.append(member)

    def set_aside(self) -> StartedProcess | None:
        """Return the first member, whose end is excused from now on; `start` replaces it."""
        victim, self.first = self.first, None
        if victim and victim.running:
            self._excused.append(victim)
        return victim

    def take_back(self, member: StartedProcess) -> None:
        """Make a member that was set aside the first member again."""
        self.first = member
        self._excused.remove(member)

    def set_sink(self, rate: float | None) -> None:
        """Change the sink's rate (records per second; None: no limit), also for members that join later."""
        if rate is None:
            self.environment.pop(SINK_RATE, None)
            self.environment.pop(TOPIC_SINK_RATES, None)
        else:
            self.environment[SINK_RATE] = f"{rate:g}"
        self.sink_changed(rate)
        for process in self.running:
            process.send_command("drain" if rate is None else f"sink {rate:g}")

    @property
    def running(self) -> list[StartedProcess]:
        """The members that should be running now."""
        return [process for process in (self.first, self.second) if process]

    @property
    def has_written(self) -> bool:
        """Whether the first member has written to a file of its own in its folder."""
        ours = (layout.EVENTS, layout.CLIENT_LOG, layout.COLLECTED, layout.COLLECTOR_LOG)
        files = [path for path in self.folder.iterdir() if path.is_file() and path.name not in ours]
        return any(path.stat().st_size for path in files)

    @property
    def lost_a_process(self) -> bool:
        """Whether any process was killed or has ended on its own."""
        return any(process.killed_ms or process.ended_on_its_own for process in self._started)

    @property
    def alive(self) -> bool:
        """Whether any member is running, or is started again; assumed of a consumer that ran before."""
        return self.consumer.attach or any(
            process.running or self._may_restart(process) for process in self.running
        )

    @property
    def tree(self) -> list[psutil.Process]:
        """All running processes of the members, also those that they have started."""
        return [process for member in self.running for process in member.processes]

    def check(self) -> None:
        """As `watch`; raise ConsumerError also if a member has ended where that ends the run.

        A built-in consumer must not end at all, others not before they have been assigned their partitions;
        a later end is recorded for the judge.
        """
        if not self.assigned or self.consumer.is_built_in:
            for process in self.running:
                process.check()
        self.watch()

    def watch(self) -> None:
        """Start members again as a supervisor would. Raise ConsumerError if one has printed too much."""
        for process in (*self.running, *self._ended):
            process.check_printed()
        if self.first and self._is_due(self.first):
            self.start()
        if self.second and self._is_due(self.second):
            self.second = self._launch_second()

    def _is_due(self, member: StartedProcess) -> bool:
        """Whether to start a member again now; what it has left running is then stopped."""
        if not self._may_restart(member) or member.ended_ms is None:
            return False
        delay_seconds = FIRST_RESTART_SECONDS * 2.0 ** self._ended_on_their_own.index(member)
        if clock.now_ms() < member.ended_ms + 1000 * delay_seconds:
            return False
        member.stop(LEAVE_SECONDS)
        return True

    def _may_restart(self, member: StartedProcess) -> bool:
        """Whether a supervisor starts this member again, now or after its delay."""
        return self.consumer.restart and self.assigned and member in self._ended_on_their_own[:MOST_RESTARTS]

    @property
    def _ended_on_their_own(self) -> list[StartedProcess]:
        """In the order of their start."""
        return [one for one in self._started if one.ended_on_its_own and one not in self._excused]

    def recorded(self) -> list[dict[str, object]]:
        """The entries of run.json for all processes so far, in the order of their start."""
        for process in self._started:
            if process.running and process.terminated_ms is None and process.log.stat().st_size:
                self._logs[process] = last_lines(process.log, LAST_LINES)
        return [
            asdict(
                Process(
                    self.consumer.name,
                    1 if process.events.parent == self.folder else 2,
                    process.pid,
                    process.started_ms,
                    process.ended_ms,
                    process.exit_code,
                    process.terminated_ms,
                    process.killed_ms,
                    process in self._excused,
                    process.last_output(LAST_LINES)
                    if process.ended_on_its_own
                    else self._logs.get(process, ""),
                    process.group_ended_ms,
                    process.left,
                    self._may_restart(process),
                )
            )
            for process in self._started
        ]

    def _launch_second(self) -> StartedProcess:
        return self._launch(f"{self.consumer.name}, second member", self.folder / layout.SECOND_MEMBER)

    def _launch(self, name: str, folder: Path) -> StartedProcess:
        member = layout.member_of(folder) or layout.FIRST_MEMBER
        environment = {**self.environment, OUTPUT_FOLDER: str(folder), MEMBER: member}
        if url := environment.get(SINK_URL):
            environment[SINK_URL] = f"{url}/{member}"
        events, log = folder / layout.EVENTS, folder / layout.CLIENT_LOG
        self._tails.setdefault(events, Tail(events))
        self._read_assignments()
        self._assignments.take({"name": "started"}, str(events))
        process = self.processes.start_consumer(name, self.consumer, environment, events, log)
        self._started.append(process)
        return process
