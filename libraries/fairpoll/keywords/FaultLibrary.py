"""Keywords that do harm to the brokers, the network, the consumers and the producer of a running scenario."""

import time
from collections.abc import Callable

from robot.api import SkipExecution, logger
from robot.api.deco import keyword, library, not_keyword

from fairpoll.base import clock
from fairpoll.base.errors import ClusterError, ClusterUnavailableError, FairpollError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.base import Faults
from fairpoll.keywords.arguments import CONVERTERS, Duration, Mode, Topic
from fairpoll.keywords.session import SESSION
from fairpoll.run.experiment import Experiment
from fairpoll.run.members import names_by_mode
from fairpoll.scenarios.units import Action

# A broker that starts reads its log, joins its quorum, and its replicas catch up.
WHOLE_SECONDS = 90.0
ANSWER_SECONDS = 30.0
NODES = (1, 2, 3)
# So much still fits on a disk that is being filled: half a line.
LAST_BYTES = 60


@library(scope="GLOBAL", doc_format="MARKDOWN", converters=CONVERTERS)
class FaultLibrary:
    """Does harm while the scenario runs that `Start Scenario` started, and writes down what was done when.

    Brokers are those of a `local` or `compose` cluster with three brokers. `topic` is its name in the
    scenario, `mode` the consumer, `number` the broker's, 1 to 3; `time` and `delay` are real times, such as
    5 seconds or 200 ms, which SPEED does not divide.
    """

    @keyword
    def brokers_that_can_be_harmed_are_needed(self) -> None:
        """Skips the tests that follow, with the reason, unless three brokers of ours run.

        Does nothing on `local` and `compose` with BROKERS:3.

        Example: `Brokers That Can Be Harmed Are Needed`
        """
        if SESSION.cluster is None or SESSION.cluster.faults is None:
            raise SkipExecution("needs three brokers to harm: run with BROKERS:3 on CLUSTER:local or compose")

    @keyword("Let Traffic Flow For ${time}")
    def let_traffic_flow(self, time: Duration) -> None:
        """Waits. Fails at once if the scenario ends with an error meanwhile.

        Example: `Let Traffic Flow For 3 seconds`
        """
        watch_for(time.seconds)

    @keyword("Kill The Leader Of ${topic}")
    def kill_the_leader(self, topic: Topic) -> None:
        """Kills the broker that leads the topic's partition 0, as a power cut does; others must take over.

        Fails if no scenario is being run.

        Example: `Kill The Leader Of quiet`
        """
        self._kill(self._leader(topic), f"leader of {topic.name}")

    @keyword("Kill The Coordinator Of ${mode}")
    def kill_the_coordinator(self, mode: Mode) -> None:
        """Kills the broker that coordinates the consumer's group. Fails if no scenario is being run.

        Example: `Kill The Coordinator Of async`
        """
        name = name_of(mode)
        group = experiment_now().groups[name]
        self._kill(_told(lambda: SESSION.admin().coordinator(group)), f"coordinator of {name}")

    @keyword("Move The Leader Of ${topic}")
    def move_the_leader(self, topic: Topic) -> None:
        """Stops the broker that leads the topic's partition 0; it hands its leaderships over first.

        Fails if no scenario is being run, or if the broker does not stop within 20 seconds.

        Example: `Move The Leader Of quiet`
        """
        node = self._leader(topic)
        since = clock.now_ms()
        _faults().stop(node)
        _note("broker", f"moved the leader of {topic.name} away from broker {node}", since)

    @keyword
    def start_every_broker_that_is_down(self) -> None:
        """Starts the brokers that were killed or stopped; does not wait. Fails if none is down.

        Example: `Start Every Broker That Is Down`
        """
        if not brokers_down():
            raise FairpollError("no broker is down")
        for node in sorted(brokers_down()):
            _faults().start(node)
            _note("broker", f"started broker {node} again", clock.now_ms())

    @keyword("Freeze The Leader Of ${topic} For ${time}")
    def freeze_the_leader(self, topic: Topic, time: Duration) -> None:
        """Lets the broker that leads the topic's partition 0 stand still so long, its connections open.

        Fails if no scenario is being run.

        Example: `Freeze The Leader Of quiet For 5 seconds`
        """
        self.freeze_broker(self._leader(topic), time)

    @keyword("Freeze Broker ${number} For ${time}")
    def freeze_broker(self, number: int, time: Duration) -> None:
        """Lets this broker (1 to 3) stand still so long, its connections open.

        Fails if no scenario is being run.

        Example: `Freeze Broker 2 For 5 seconds`
        """
        self._harm(number, time, lambda: _faults().freeze(number), "broker", f"froze broker {number}")

    @keyword("Cut Consumers Off From The Leader Of ${topic} For ${time}")
    def cut_off(self, topic: Topic, time: Duration) -> None:
        """Lets nothing pass between the consumers and the leader of the topic's partition 0, either way.

        On compose the broker is cut off from the other brokers as well. Fails if no scenario is being run.

        Example: `Cut Consumers Off From The Leader Of quiet For 5 seconds`
        """
        node = self._leader(topic)
        self._harm(node, time, lambda: _faults().cut(node), "network", f"cut off broker {node}, both ways")

    @keyword("Swallow The Answers Of The Leader Of ${topic} For ${time}")
    def swallow_answers(self, topic: Topic, time: Duration) -> None:
        """Lets requests of the consumers pass to the leader of the topic's partition 0, but no answers.

        Fails if no scenario is being run. Skips the test on compose, where this cannot be done.

        Example: `Swallow The Answers Of The Leader Of quiet For 5 seconds`
        """
        node = self._leader(topic)
        self._harm(node, time, lambda: _faults().swallow(node), "network", f"cut off broker {node}, one way")

    @keyword("Delay The Leader Of ${topic} By ${delay} For ${time}")
    def delay_leader(self, topic: Topic, delay: Duration, time: Duration) -> None:
        """Adds this latency, each way, between the consumers and the leader of the topic's partition 0.

        Fails if no scenario is being run. Skips the test on compose, where this cannot be done.

        Example: `Delay The Leader Of quiet By 200 ms For 5 seconds`
        """
        node, seconds = self._leader(topic), delay.seconds
        what = f"delayed broker {node} by {seconds * 1000:g} ms"
        self._harm(node, time, lambda: _faults().delay(node, seconds), "network", what)

    @keyword("Kill The Consumer ${mode} For ${time}")
    def kill_the_consumer(self, mode: Mode, time: Duration) -> None:
        """Kills the consumer's process without a warning, and starts it anew after this time.

        Fails if no scenario is being run.

        Example: `Kill The Consumer async For 1 second`
        """
        members = experiment_now().members[name_of(mode)]
        since = clock.now_ms()
        members.act(Action("kill"))
        watch_for(time.seconds)
        members.act(Action("start"))
        _note("consumer", f"killed {members.consumer.name}", since, clock.now_ms())

    @keyword("Fill The Disk Of ${mode} For ${time}")
    def fill_the_disk(self, mode: Mode, time: Duration) -> None:
        """Lets no file of the consumer's process grow any more, as on a full disk, for this time.

        A consumer that ends because of it is started anew afterwards; one that waits goes on. The first
        write that does not fit is cut off in the middle of the line.

        Fails if no scenario is being run, and on other systems than Linux.

        Example: `Fill The Disk Of async For 2 seconds`
        """
        members, since = experiment_now().members[name_of(mode)], clock.now_ms()
        name = members.consumer.name
        victim = members.set_aside()
        if victim is None:
            raise FairpollError(f"{name} is not running")
        files = [path.stat().st_size for path in members.folder.iterdir() if path.is_file()]
        victim.limit_files(max(files) + LAST_BYTES)
        watch_for(time.seconds)
        ended = not victim.running
        if ended:
            members.start()
        else:
            victim.limit_files(None)
            members.take_back(victim)
        what = f"filled the disk of {name}, which " + ("ended and was started anew" if ended else "went on")
        _note("output", what, since, clock.now_ms())

    @keyword("Kill The Producer For ${time}")
    def kill_the_producer(self, time: Duration) -> None:
        """Kills the producer without a warning, and starts it anew after this time.

        What it had sent and not seen acked is in doubt, and may be delivered or not; only what was acked
        must be. Fails if no scenario is being run.

        Example: `Kill The Producer For 1 second`
        """
        experiment, since = experiment_now(), clock.now_ms()
        experiment.kill_producer()
        watch_for(time.seconds)
        experiment.start_producer()
        _note("producer", "killed the producer", since, clock.now_ms())

    @keyword
    def bring_every_broker_back(self) -> None:
        """Starts, thaws and heals whatever is down, frozen or cut, and waits until all replicas are in sync.

        For teardowns. Fails if the cluster is not whole within 90 seconds; the message tells what is missing.

        Example: `Bring Every Broker Back`
        """
        if SESSION.cluster is None or SESSION.cluster.faults is None:
            return
        faults = SESSION.cluster.faults
        for node in NODES:
            faults.thaw(node)
            faults.heal(node)
            faults.start(node)
        self.wait_until_whole()

    @not_keyword
    def wait_until_whole(self) -> None:
        """Until every broker answers and every partition has all its replicas. Raises DeadlineError."""
        seen = ""

        def whole() -> bool:
            nonlocal seen
            seen = SESSION.admin().what_is_missing(len(NODES))
            return not seen

        wait_until(whole, WHOLE_SECONDS, "all brokers with all replicas in sync", last_seen=lambda: seen)

    def _leader(self, topic: Topic) -> int:
        name = experiment_now().topic_names[topic.name]
        return _told(lambda: SESSION.admin().leader(name, 0))

    def _harm(self, node: int, duration: Duration, harm: Callable[[], None], target: str, what: str) -> None:
        """Do it, let the time pass, undo it; undone also when the scenario ends meanwhile."""
        since, seconds = clock.now_ms(), duration.seconds
        try:
            harm()
        except ClusterUnavailableError as error:
            raise SkipExecution(str(error)) from None
        try:
            watch_for(seconds)
        finally:
            _faults().thaw(node)
            _faults().heal(node)
        _note(target, f"{what}, for {seconds:g} s", since, clock.now_ms())

    def _kill(self, node: int, role: str) -> None:
        since = clock.now_ms()
        _faults().kill(node)
        _note("broker", f"killed broker {node}, {role}", since)


def brokers_down() -> set[int]:
    """Those that were killed or stopped, and not started again."""
    return _faults().down


def experiment_now() -> Experiment:
    return SESSION.running().experiment


def name_of(mode: Mode) -> str:
    """The name of the running scenario's consumer that suites call `mode`. Raises FairpollError."""
    names = names_by_mode(experiment_now().consumers)
    if mode not in names:
        raise FairpollError(f"no consumer '{mode}' is running; this run has: {', '.join(names)}")
    return names[mode]


def _told(ask: Callable[[], int]) -> int:
    """What the brokers answer; while they are electing, they do not know themselves."""
    refused = ""

    def answer() -> int | None:
        nonlocal refused
        try:
            return ask()
        except ClusterError as error:
            refused = str(error)
            return None

    return wait_until(answer, ANSWER_SECONDS, "an answer of the brokers", last_seen=lambda: refused)


def _faults() -> Faults:
    if SESSION.cluster is None or SESSION.cluster.faults is None:
        raise FairpollError("no broker of this cluster can be harmed; run with BROKERS:3 on local or compose")
    return SESSION.cluster.faults


def _note(target: str, what: str, since_ms: float, until_ms: float | None = None) -> None:
    experiment_now().note_fault(target, what, since_ms, until_ms)
    logger.info(f"{what[0].upper()}{what[1:]}.")


def watch_for(seconds: float) -> None:
    """Let the time pass, and raise what ends the scenario meanwhile."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        SESSION.running()
        time.sleep(min(left, 0.2))
