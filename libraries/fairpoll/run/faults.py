"""The faults that can be injected into a running scenario: a function with `@fault` for each.

The keywords, the random faults of the soak and docs/reference/faults.md are made from FAULTS. `cluster.KINDS`
states what each kind of cluster can inject.
"""

import contextlib
import inspect
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

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
    steps: Callable[..., Steps]

    @property
    def arguments(self) -> list[str]:
        """Their names, in the order of the keyword."""
        return re.findall(r"\$\{(\w+)\}", self.keyword)

    @property
    def documentation(self) -> str:
        return inspect.getdoc(self.steps) or ""

    @property
    def kinds(self) -> list[str]:
        """The kinds of cluster on which it can be injected."""
        return [name for name, kind in KINDS.items() if self.needs is None or self.needs in kind.injects]


FAULTS: list[FaultType] = []


def fault(
    keyword: str, *, target: str, needs: BrokerFault | None = None
) -> Callable[[Callable[..., Steps]], Callable[..., Steps]]:
    """Add a function to FAULTS; its docstring documents the keyword."""

    def add(steps: Callable[..., Steps]) -> Callable[..., Steps]:
        FAULTS.append(FaultType(keyword, target, needs, steps))
        return steps

    return add


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

    def leader(self, topic: str) -> int:
        """The leader of partition 0 of a topic of the scenario."""
        name = self.experiment.topic_names[topic]
        return _ask(lambda: self.admin().leader(name, 0))

    def coordinator(self, consumer: str) -> int:
        """The coordinator of the consumer's group."""
        group = self.experiment.groups[consumer]
        return _ask(lambda: self.admin().coordinator(group))

    def on_broker(self, fault: BrokerFault, node: int, seconds: float = 0.0) -> float:
        """Inject a fault into the broker, and return when this began (epoch ms)."""
        since = clock.now_ms()
        self.faults.inject(fault, node, seconds)
        return since

    @contextlib.contextmanager
    def until_healed(self, fault: BrokerFault, node: int, seconds: float = 0.0) -> Iterator[float]:
        """The same, for the time of the block."""
        since = self.on_broker(fault, node, seconds)
        try:
            yield since
        finally:
            self.faults.heal(node)


@fault("Kill The Leader Of ${topic}", target="broker", needs="kill")
def kill_the_leader(scene: Scene, topic: str) -> Steps:
    """Kills the broker that leads the topic's partition 0, as a power failure does."""
    node = scene.leader(topic)
    yield scene.on_broker("kill", node)
    return f"killed broker {node}, leader of {topic}"


@fault("Kill The Coordinator Of ${mode}", target="broker", needs="kill")
def kill_the_coordinator(scene: Scene, mode: str) -> Steps:
    """Kills the broker that coordinates the consumer's group."""
    node = scene.coordinator(mode)
    yield scene.on_broker("kill", node)
    return f"killed broker {node}, coordinator of {mode}"


@fault("Move The Leader Of ${topic}", target="broker", needs="stop")
def move_the_leader(scene: Scene, topic: str) -> Steps:
    """Stops the broker that leads the topic's partition 0; it hands over its leaderships first.

    Fails if the broker does not stop within 20 seconds.
    """
    node = scene.leader(topic)
    yield scene.on_broker("stop", node)
    return f"moved the leader of {topic} away from broker {node}"


@fault("Freeze The Leader Of ${topic} For ${time}", target="broker", needs="freeze")
def freeze_the_leader(scene: Scene, topic: str) -> Steps:
    """Freezes the process of the broker that leads the topic's partition 0; its connections stay open."""
    return (yield from freeze_broker(scene, scene.leader(topic)))


@fault("Isolate The Leader Of ${topic} For ${time}", target="network", needs="isolate")
def isolate_the_leader(scene: Scene, topic: str) -> Steps:
    """Drops all traffic between the consumers and the leader of the topic's partition 0.

    On compose the broker is isolated from the other brokers as well.
    """
    node = scene.leader(topic)
    with scene.until_healed("isolate", node) as since:
        yield since
    return f"isolated broker {node}"


@fault("Drop Responses Of The Leader Of ${topic} For ${time}", target="network", needs="drop-responses")
def drop_responses(scene: Scene, topic: str) -> Steps:
    """Passes consumers' requests to the leader of the topic's partition 0, but drops its responses."""
    node = scene.leader(topic)
    with scene.until_healed("drop-responses", node) as since:
        yield since
    return f"dropped responses of broker {node}"


@fault("Delay The Leader Of ${topic} By ${delay} For ${time}", target="network", needs="delay")
def delay_the_leader(scene: Scene, topic: str, delay: float) -> Steps:
    """Adds this latency, each way, between the consumers and the leader of the topic's partition 0."""
    node = scene.leader(topic)
    with scene.until_healed("delay", node, delay) as since:
        yield since
    return f"delayed broker {node} by {delay * 1000:g} ms"


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


@fault("Freeze Broker ${number} For ${time}", target="broker", needs="freeze")
def freeze_broker(scene: Scene, number: int) -> Steps:
    """Freezes the process of this broker (1 to 3); its connections stay open."""
    with scene.until_healed("freeze", number) as since:
        yield since
    return f"froze broker {number}"


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
