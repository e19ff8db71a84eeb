"""Keywords that inject faults into brokers, network, consumers and producer of a running scenario."""

import time
from collections.abc import Callable

from robot.api import SkipExecution, logger
from robot.api.deco import keyword, library, not_keyword

from fairpoll.base import clock
from fairpoll.base.errors import ClusterError, ClusterUnavailableError, FairpollError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.base import Faults
from fairpoll.keywords.arguments import CONVERTERS, Duration, Topic
from fairpoll.keywords.session import SESSION
from fairpoll.run.experiment import Experiment
from fairpoll.run.modes import Mode
from fairpoll.scenarios.units import Action

# A starting broker reads its log and joins its quorum, and its replicas catch up.
IN_SYNC_SECONDS = 90.0
ANSWER_SECONDS = 30.0
NODES = (1, 2, 3)
NO_FAULTS = "needs three local brokers: run with BROKERS:3 on CLUSTER:local or compose"
# The space left on a full disk, in bytes: half a line.
LAST_BYTES = 60


@library(scope="GLOBAL", doc_format="MARKDOWN", converters=CONVERTERS)
class FaultLibrary:
    """Injects faults into the scenario that `Start Scenario` started, and records each with its time.

    Broker faults need a `local` or `compose` cluster with three brokers. `topic` is a topic's name in the
    scenario, `mode` a consumer, `number` a broker, 1 to 3; `time` and `delay` are real times, such as
    5 seconds or 200 ms, which SPEED does not divide.
    """

    @keyword(tags=["fault"])
    def require_three_local_brokers(self) -> None:
        """Skips the tests that follow, with the reason, unless Fairpoll itself runs three brokers.

        Does nothing on `local` and `compose` with BROKERS:3.

        Example: `Require Three Local Brokers`
        """
        if SESSION.cluster is None or SESSION.cluster.faults is None:
            raise SkipExecution(NO_FAULTS)

    @keyword("Let Traffic Flow For ${time}", tags=["fault"])
    def let_traffic_flow(self, time: Duration) -> None:
        """Waits for this time. Fails at once if the scenario ends with an error meanwhile.

        Example: `Let Traffic Flow For 3 seconds`
        """
        watch_for(time.seconds)

    @keyword("Kill The Leader Of ${topic}", tags=["fault"])
    def kill_the_leader(self, topic: Topic) -> None:
        """Kills the broker that leads the topic's partition 0, as a power failure does.

        Fails if no scenario is running.

        Example: `Kill The Leader Of quiet`
        """
        self._kill(self._leader(topic), f"leader of {topic.name}")

    @keyword("Kill The Coordinator Of ${mode}", tags=["fault"])
    def kill_the_coordinator(self, mode: Mode) -> None:
        """Kills the broker that coordinates the consumer's group.

        Fails if no scenario is running.

        Example: `Kill The Coordinator Of async`
        """
        name = SESSION.running_consumer(mode)
        group = experiment_now().groups[name]
        self._kill(_ask(lambda: SESSION.admin().coordinator(group)), f"coordinator of {name}")

    @keyword("Move The Leader Of ${topic}", tags=["fault"])
    def move_the_leader(self, topic: Topic) -> None:
        """Stops the broker that leads the topic's partition 0; it hands over its leaderships first.

        Fails if the broker does not stop within 20 seconds.

        Example: `Move The Leader Of quiet`
        """
        node = self._leader(topic)
        since = clock.now_ms()
        _faults().stop(node)
        _note("broker", f"moved the leader of {topic.name} away from broker {node}", since)

    @keyword(tags=["fault"])
    def restart_stopped_brokers(self) -> None:
        """Starts the brokers that were killed or stopped, without waiting. Fails if there are none.

        Example: `Restart Stopped Brokers`
        """
        if not brokers_down():
            raise FairpollError("no broker is down")
        for node in sorted(brokers_down()):
            _faults().start(node)
            _note("broker", f"started broker {node} again", clock.now_ms())

    @keyword("Freeze The Leader Of ${topic} For ${time}", tags=["fault"])
    def freeze_the_leader(self, topic: Topic, time: Duration) -> None:
        """Freezes the process of the broker that leads the topic's partition 0; its connections stay open.

        Fails if no scenario is running.

        Example: `Freeze The Leader Of quiet For 5 seconds`
        """
        self.freeze_broker(self._leader(topic), time)

    @keyword("Freeze Broker ${number} For ${time}", tags=["fault"])
    def freeze_broker(self, number: int, time: Duration) -> None:
        """Freezes the process of this broker (1 to 3); its connections stay open.

        Fails if no scenario is running.

        Example: `Freeze Broker 2 For 5 seconds`
        """
        self._inject(number, time, lambda: _faults().freeze(number), "broker", f"froze broker {number}")

    @keyword("Isolate The Leader Of ${topic} For ${time}", tags=["fault"])
    def isolate_the_leader(self, topic: Topic, time: Duration) -> None:
        """Drops all traffic between the consumers and the leader of the topic's partition 0.

        On compose the broker is isolated from the other brokers as well.

        Fails if no scenario is running.

        Example: `Isolate The Leader Of quiet For 5 seconds`
        """
        node = self._leader(topic)
        self._inject(node, time, lambda: _faults().isolate(node), "network", f"isolated broker {node}")

    @keyword("Drop Responses Of The Leader Of ${topic} For ${time}", tags=["fault"])
    def drop_responses(self, topic: Topic, time: Duration) -> None:
        """Passes consumers' requests to the leader of the topic's partition 0, but drops its responses.

        Skips the test on compose, which cannot do this.

        Example: `Drop Responses Of The Leader Of quiet For 5 seconds`
        """
        node = self._leader(topic)
        self._inject(
            node,
            time,
            lambda: _faults().drop_responses(node),
            "network",
            f"dropped responses of broker {node}",
        )

    @keyword("Delay The Leader Of ${topic} By ${delay} For ${time}", tags=["fault"])
    def delay_leader(self, topic: Topic, delay: Duration, time: Duration) -> None:
        """Adds this latency, each way, between the consumers and the leader of the topic's partition 0.

        Skips the test on compose, which cannot do this.

        Example: `Delay The Leader Of quiet By 200 ms For 5 seconds`
        """
        node, seconds = self._leader(topic), delay.seconds
        what = f"delayed broker {node} by {seconds * 1000:g} ms"
        self._inject(node, time, lambda: _faults().delay(node, seconds), "network", what)

    @keyword("Kill The Consumer ${mode} For ${time}", tags=["fault"])
    def kill_the_consumer(self, mode: Mode, time: Duration) -> None:
        """Kills the consumer's process (SIGKILL), and restarts it after this time.

        Fails if no scenario is running.

        Example: `Kill The Consumer async For 1 second`
        """
        members = experiment_now().members[SESSION.running_consumer(mode)]
        since = clock.now_ms()
        members.act(Action("kill"))
        watch_for(time.seconds)
        members.act(Action("start"))
        _note("consumer", f"killed {members.consumer.name}", since, clock.now_ms())

    @keyword("Fill The Disk Of ${mode} For ${time}", tags=["fault"])
    def fill_the_disk(self, mode: Mode, time: Duration) -> None:
        """Keeps all files of the consumer's process from growing for this time, as a full disk does.

        A consumer that exits because of it is restarted afterwards. The first write that does not fit is
        cut off within the line. Fails on other systems than Linux.

        Example: `Fill The Disk Of async For 2 seconds`
        """
        members, since = experiment_now().members[SESSION.running_consumer(mode)], clock.now_ms()
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

    @keyword("Kill The Producer For ${time}", tags=["fault"])
    def kill_the_producer(self, time: Duration) -> None:
        """Kills the producer (SIGKILL), and restarts it after this time.

        Messages sent and not acked by then may be delivered or not; only acked messages must be.

        Fails if no scenario is running.

        Example: `Kill The Producer For 1 second`
        """
        experiment, since = experiment_now(), clock.now_ms()
        experiment.kill_producer()
        watch_for(time.seconds)
        experiment.start_producer()
        _note("producer", "killed the producer", since, clock.now_ms())

    @keyword(tags=["fault"])
    def restore_all_brokers(self) -> None:
        """Starts, thaws and reconnects all brokers, and waits until all replicas are in sync.

        For teardowns. Fails if that takes more than 90 seconds; the message names what is missing.

        Example: `Restore All Brokers`
        """
        if SESSION.cluster is None or SESSION.cluster.faults is None:
            return
        faults = SESSION.cluster.faults
        for node in NODES:
            faults.thaw(node)
            faults.heal(node)
            faults.start(node)
        self.wait_until_in_sync()

    @not_keyword
    def wait_until_in_sync(self) -> None:
        """Wait until all brokers answer and all replicas are in sync. Raises DeadlineError."""
        seen = ""

        def in_sync() -> bool:
            nonlocal seen
            seen = SESSION.admin().what_is_missing(len(NODES))
            return not seen

        wait_until(in_sync, IN_SYNC_SECONDS, "all brokers with all replicas in sync", last_seen=lambda: seen)

    def _leader(self, topic: Topic) -> int:
        name = experiment_now().topic_names[topic.name]
        return _ask(lambda: SESSION.admin().leader(name, 0))

    def _inject(
        self, node: int, duration: Duration, fault: Callable[[], None], target: str, what: str
    ) -> None:
        """Inject and record a fault for this time; it is healed also if the scenario ends meanwhile."""
        since, seconds = clock.now_ms(), duration.seconds
        try:
            fault()
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
    """The brokers that were killed or stopped and not started again."""
    return _faults().down


def experiment_now() -> Experiment:
    """The scenario that is running. Raises FairpollError if there is none, and the error that ended it."""
    return SESSION.running().experiment


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


def _faults() -> Faults:
    if SESSION.cluster is None or SESSION.cluster.faults is None:
        raise FairpollError(NO_FAULTS)
    return SESSION.cluster.faults


def _note(target: str, what: str, since_ms: float, until_ms: float | None = None) -> None:
    experiment_now().note_fault(target, what, since_ms, until_ms)
    logger.info(f"{what[0].upper()}{what[1:]}.")


def watch_for(seconds: float) -> None:
    """Wait for this time. Raises the error that ends the scenario meanwhile."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        SESSION.running()
        time.sleep(min(left, 0.2))
