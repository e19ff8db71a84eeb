"""The faults that can be injected into a running scenario: a row for each of a broker, else a function.

The keywords, the random faults of the soak and docs/reference/faults.md are made from FAULTS. `cluster.KINDS`
states what each kind of cluster can inject.
"""

import contextlib
import inspect
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from fairpoll.base import clock
from fairpoll.base.errors import ClusterError, ClusterUnavailableError, FairpollError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster import KINDS
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.base import BrokerFault, Faults
from fairpoll.run.experiment import Experiment
from fairpoll.run.running import RunningExperiment
from fairpoll.scenarios.units import Action

# The brokers may have no answer for this long, during an election.
ANSWER_SECONDS = 30.0
# The space left on a full disk, in bytes: half a line.
LAST_BYTES = 60
NO_FAULTS = "needs three local brokers: run with BROKERS:3 on CLUSTER:" + " or ".join(
    name for name, kind in KINDS.items() if kind.injects
)

# Injects the fault, yields the time of its injection (epoch ms), undoes it, and returns what was done.
Steps = Generator[float, None, str]


@dataclass(frozen=True)
class FaultType:
    """A fault by its keyword, which has its arguments; one with `time` lasts that long.

    `target` is broker, network, consumer, output or producer. `needs` is the fault of a broker that the
    cluster must inject, None for a fault of other processes. `steps` takes the Scene and the arguments
    without `time`; `mode` is the consumer's name, `delay` is in seconds.
    """

    keyword: str
    target: str
    needs: BrokerFault | None
    documentation: str
    steps: Callable[..., Steps]

    @property
    def name(self) -> str:
        """The keyword without its arguments, such as kill_the_leader_of."""
        return "_".join(re.sub(r"\$\{\w+\}", "", self.keyword).lower().split())

    @property
    def arguments(self) -> list[str]:
        """Their names, in the order of the keyword."""
        return re.findall(r"\$\{(\w+)\}", self.keyword)

    @property
    def kinds(self) -> list[str]:
        """The kinds of cluster on which it can be injected."""
        return [name for name, kind in KINDS.items() if self.needs is None or self.needs in kind.injects]


@dataclass(frozen=True)
class Scene:
    """The running scenario that faults are injected into; `admin` gives a client of its brokers."""

    running: RunningExperiment
    admin: Callable[[], Admin]

    @property
    def experiment(self) -> Experiment:
        return self.running.experiment

    @property
    def faults(self) -> Faults:
        """Raises FairpollError if the cluster has no three brokers of ours."""
        if self.experiment.cluster.faults is None:
            raise FairpollError(NO_FAULTS)
        return self.experiment.cluster.faults

    def inject(self, fault: FaultType, *, time: float = 0.0, **arguments: object) -> str:
        """Inject the fault, undo it after this time (real seconds), record it, and return what was done.

        A fault of a broker is also healed if the scenario ends meanwhile, whose error is raised. Raises
        ClusterUnavailableError if this kind of cluster cannot inject it, else FairpollError.
        """
        kind = self.experiment.cluster.kind
        if fault.needs is not None and self.faults and kind not in fault.kinds:
            wanted = " or ".join(fault.kinds)
            raise ClusterUnavailableError(
                f"CLUSTER:{kind} has no fault '{fault.needs}'; run with CLUSTER:{wanted}"
            )
        members = self.experiment.members.get(str(arguments.get("mode")))
        if fault.target in ("consumer", "output") and members and members.consumer.attach:
            raise FairpollError(
                f"{members.consumer.name} runs already (ATTACH): a run injects no fault into its processes"
            )
        with contextlib.closing(fault.steps(self, **arguments)) as steps:
            since = next(steps)
            self.running.let_run(time)
            what = _end_of(steps)
        if fault.needs is not None and time:
            what += f", for {time:g} s"
        self.experiment.note_fault(fault.target, what, since, clock.now_ms() if time else None)
        return what

    def restart_stopped_brokers(self) -> list[str]:
        """Start the brokers that were killed or stopped, without waiting; return what was done.

        Raises FairpollError if none is down.
        """
        if not self.faults.down:
            raise FairpollError("no broker is down")
        done = {node: f"started broker {node} again" for node in sorted(self.faults.down)}
        for node, what in done.items():
            self.faults.start(node)
            self.experiment.note_fault("broker", what, clock.now_ms())
        return list(done.values())

    def broker(self, *, topic: str = "", mode: str = "", number: int = 0, **_others: object) -> int:
        """The leader of the topic's partition 0, the coordinator of the consumer's group, or this broker."""
        experiment = self.experiment
        if topic:
            return _ask(lambda: self.admin().leader(experiment.topic_names[topic], 0))
        if mode:
            return _ask(lambda: self.admin().coordinator(experiment.groups[mode]))
        return number


def _of_a_broker(keyword: str, needs: BrokerFault, what: str, documentation: str) -> FaultType:
    """A fault of the broker that the arguments choose; one that lasts is healed also after an error."""

    def steps(scene: Scene, *, delay: float = 0.0, **arguments: Any) -> Steps:
        node, since = scene.broker(**arguments), clock.now_ms()
        scene.faults.inject(needs, node, delay)
        try:
            yield since
        finally:
            if "${time}" in keyword:
                scene.faults.heal(node)
        return what.format(node=node, milliseconds=delay * 1000, **arguments)

    target = "broker" if needs in ("kill", "stop", "freeze") else "network"
    return FaultType(keyword, target, needs, documentation, steps)


FAULTS = [
    _of_a_broker(
        "Kill The Leader Of ${topic}",
        "kill",
        "killed broker {node}, leader of {topic}",
        "Kills the broker that leads the topic's partition 0, as a power failure does.",
    ),
    _of_a_broker(
        "Kill The Coordinator Of ${mode}",
        "kill",
        "killed broker {node}, coordinator of {mode}",
        "Kills the broker that coordinates the consumer's group.",
    ),
    _of_a_broker(
        "Move The Leader Of ${topic}",
        "stop",
        "moved the leader of {topic} away from broker {node}",
        "Stops the broker that leads the topic's partition 0; it hands over its leaderships first.\n\n"
        "Fails if the broker does not stop within 20 seconds.",
    ),
    _of_a_broker(
        "Freeze The Leader Of ${topic} For ${time}",
        "freeze",
        "froze broker {node}",
        "Freezes the process of the broker that leads the topic's partition 0; its connections stay open.",
    ),
    _of_a_broker(
        "Freeze Broker ${number} For ${time}",
        "freeze",
        "froze broker {node}",
        "Freezes the process of this broker (1 to 3); its connections stay open.",
    ),
    _of_a_broker(
        "Isolate The Leader Of ${topic} For ${time}",
        "isolate",
        "isolated broker {node}",
        "Drops all traffic between the consumers and the leader of the topic's partition 0.\n\n"
        "On compose the broker is isolated from the other brokers as well.",
    ),
    _of_a_broker(
        "Drop Responses Of The Leader Of ${topic} For ${time}",
        "drop-responses",
        "dropped responses of broker {node}",
        "Passes consumers' requests to the leader of the topic's partition 0, but drops its responses.",
    ),
    _of_a_broker(
        "Delay The Leader Of ${topic} By ${delay} For ${time}",
        "delay",
        "delayed broker {node} by {milliseconds:g} ms",
        "Adds this latency, each way, between the consumers and the leader of the topic's partition 0.",
    ),
]


def fault(keyword: str, *, target: str) -> Callable[[Callable[..., Steps]], Callable[..., Steps]]:
    """Add the function of a fault of another process to FAULTS; its docstring documents the keyword."""

    def add(steps: Callable[..., Steps]) -> Callable[..., Steps]:
        FAULTS.append(FaultType(keyword, target, None, inspect.getdoc(steps) or "", steps))
        return steps

    return add


@fault("Kill The Consumer ${mode} For ${time}", target="consumer")
def kill_the_consumer(scene: Scene, mode: str) -> Steps:
    """Kills the consumer's process (SIGKILL), and restarts it after this time."""
    members, since = scene.experiment.members[mode], clock.now_ms()
    members.act(Action("kill"))
    yield since
    members.act(Action("start"))
    return f"killed {mode}"


@fault("Kill The Producer For ${time}", target="producer")
def kill_the_producer(scene: Scene) -> Steps:
    """Kills the producer (SIGKILL), and restarts it after this time.

    Messages sent and not acked by then may be delivered or not; only acked messages must be.
    """
    since = clock.now_ms()
    scene.experiment.kill_producer()
    yield since
    scene.experiment.start_producer()
    return "killed the producer"


@fault("Fill The Disk Of ${mode} For ${time}", target="output")
def fill_the_disk(scene: Scene, mode: str) -> Steps:
    """Keeps all files of the consumer's process from growing for this time, as a full disk does.

    A consumer that exits because of it is restarted afterwards. The first write that does not fit is cut off
    within the line. Fails on other systems than Linux.
    """
    members, since = scene.experiment.members[mode], clock.now_ms()
    victim = members.set_aside()
    if victim is None:
        raise FairpollError(f"{mode} is not running")
    files = [path.stat().st_size for path in members.folder.iterdir() if path.is_file()]
    victim.limit_files(max(files) + LAST_BYTES)
    yield since
    ended = not victim.running
    if ended:
        members.start()
    else:
        victim.limit_files(None)
        members.take_back(victim)
    return f"filled the disk of {mode}, which " + ("ended and was started anew" if ended else "went on")


def _end_of(steps: Steps) -> str:
    """Undo the fault, and return what was done."""
    try:
        next(steps)
    except StopIteration as end:
        return str(end.value)
    raise AssertionError("a fault yields once")


def _ask(ask: Callable[[], int]) -> int:
    """The brokers' answer; asked again until they have one, which they do not during an election."""
    refused = ""

    def answer() -> int | None:
        nonlocal refused
        try:
            return ask()
        except ClusterError as error:
            refused = str(error)
            return None

    return wait_until(answer, ANSWER_SECONDS, "an answer of the brokers", last_seen=lambda: refused)
