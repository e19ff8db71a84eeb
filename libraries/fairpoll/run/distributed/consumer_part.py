"""A consumer of a run that is spread over machines, with all its members on this one."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from fairpoll.base import clock
from fairpoll.base.errors import ConsumerError, DeadlineError
from fairpoll.base.text import quoted
from fairpoll.consumers import MODES
from fairpoll.contract import client_config
from fairpoll.contract.output_fields import OUR_FIELDS
from fairpoll.evidence import layout
from fairpoll.run.course import Course
from fairpoll.run.distributed.crew import READY_SECONDS, Crew, handed_in
from fairpoll.run.host import HostMonitor
from fairpoll.run.members import ConsumerUnderTest, Members, environment_of
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.run.processes import ChildProcess
from fairpoll.run.readiness import wait_until_assigned
from fairpoll.run.sampler import Sampler

# The last messages must have been acked so long after the end of the traffic.
PRODUCED_SECONDS = 60.0


def run_consumer(
    crew: Crew, config: Mapping[str, str], command: tuple[str, ...], say: Callable[[str], None]
) -> None:
    """Run one consumer of a run, by the same contract as in the suites, and hand in what it left.

    Without a command it is the built-in one of that name. Raises FairpollError.
    """
    run, name = crew.run, crew.who
    if name not in run.consumers:
        raise ConsumerError(
            f"run {run.run_id} has no consumer {quoted(name)}; it has {', '.join(run.consumers)}"
        )
    if not command and name not in MODES:
        raise ConsumerError(f"{quoted(name)} is not built in; give its command behind the name")
    consumer = ConsumerUnderTest(name, command) if command else ConsumerUnderTest.built_in(name)
    with tempfile.TemporaryDirectory(prefix="fairpoll-consumer-") as place:
        folder = Path(place)
        (folder / name).mkdir()
        told: dict[str, object] = {}
        part = _ConsumerPart(crew, config, consumer, folder, told)
        with handed_in(crew, part.files, told):
            crew.measure_clock()
            crew.tell("here")
            say(f"{name}: waiting for the backlog of {run.shards} producers, and the other consumers")
            crew.wait(part.may_start, READY_SECONDS, lambda: ", ".join(run.missing(run.ready | run.here)))
            part.run(say)


class _ConsumerPart:
    """One consumer group of a run, with all its members on this machine."""

    def __init__(
        self,
        crew: Crew,
        config: Mapping[str, str],
        consumer: ConsumerUnderTest,
        folder: Path,
        told: dict[str, object],
    ) -> None:
        self._crew, self._config, self._folder, self._told = crew, config, folder, told
        run = crew.run
        self._scaled = run.scenario.at_speed(run.speed)
        self._group = f"fairpoll.{run.run_id}.{consumer.name}"
        environment = environment_of(self._scaled, run.topics, self._group)
        self._processes: list[ChildProcess] = []
        self._members = Members(consumer, environment, folder / consumer.name, self._launch)

    def files(self) -> list[tuple[Path, str]]:
        """What it has left, and under which names that is handed in."""
        name = self._crew.who
        found = [path for path in sorted((self._folder / name).rglob("*")) if path.is_file()]
        left = [(path, path.relative_to(self._folder).as_posix()) for path in found]
        samples = self._folder / layout.SAMPLES
        return [*left, *([(samples, layout.samples_of(name))] if samples.exists() else [])]

    def may_start(self) -> bool | None:
        """Every producer has told that its backlog is acked, and every consumer can start; None until then.

        One that was to wait for another machine would have worked off the backlog by the start.
        """
        self._crew.check_all_there()
        run = self._crew.run
        return True if set(run.producers) <= run.ready and set(run.consumers) <= run.here else None

    def run(self, say: Callable[[str], None]) -> None:
        """From the first member's start to the last one's end. Raises FairpollError."""
        name, run = self._crew.who, self._crew.run
        partitions = {run.topics[one.name]: one.partitions for one in self._scaled.topics}
        wanted = {(topic, number) for topic, count in partitions.items() for number in range(count)}
        places = {name: (self._members.folder, OUR_FIELDS)}
        outputs = DeliveryCounter(self._folder, self._scaled, places, run.topics)
        course = Course(
            self._scaled,
            {name: self._members},
            outputs,
            check=self._check,
            check_cluster=lambda: None,
            note=self._note,
            progress=lambda _text: None,
        )
        samples = self._folder / layout.SAMPLES
        try:
            self._members.start()
            waiting = {name: (self._group, self._members.folder)}
            wait_until_assigned(wanted, waiting, self._config, self._check)
            say(f"{name}: has its partitions, waiting for the others")
            start = self._crew.agreed_start()
            with Sampler(
                samples, self._config, {name: self._group}, partitions, lambda _: self._members.pids()
            ):
                host = HostMonitor()
                with host:
                    course.watch(start)
                self._told["host"] = host.figures()
                self._wait_and_drain(course, say)
                self._stop()  # within the sampler's context: its last look is at what they left
            self._told["stopped_ms"] = self._crew.broker_ms(clock.now_ms())
            say(f"{name}: stopped; delivered {outputs.told()}")
        finally:
            self._stop()

    def _wait_and_drain(self, course: Course, say: Callable[[str], None]) -> None:
        run = self._crew.run

        def produced() -> bool | None:
            return True if set(run.producers) <= set(run.produced) else None

        def missing() -> str:
            return f"the traffic of {', '.join(one for one in run.producers if one not in run.produced)}"

        try:
            self._crew.wait(produced, PRODUCED_SECONDS, missing)
        except DeadlineError as error:
            self._told["error"] = str(error)  # the rest is worth having all the same
        if self._scaled.drain:
            say(f"{self._crew.who}: draining")
            course.drain(sum(run.produced.values()))

    def _check(self) -> None:
        self._members.check()
        self._crew.check_not_stopped()

    def _note(self, **facts: object) -> None:
        """Facts of the run, with the times in them by the broker's clock."""
        for name, value in facts.items():
            if name.endswith("_ms") and isinstance(value, float):
                self._told[name] = self._crew.broker_ms(value)
            elif name == "timeline" and isinstance(value, list):
                self._told[name] = [{**step, "at_ms": self._crew.broker_ms(step["at_ms"])} for step in value]
            else:
                self._told[name] = value

    def _launch(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], folder: Path
    ) -> ChildProcess:
        servers = {"FAIRPOLL_BOOTSTRAP_SERVERS": self._config["bootstrap.servers"]}
        told = {**client_config.to_environment(self._config), **servers, **environment}
        process = ChildProcess(name, command, told, folder / layout.EVENTS, folder / layout.CLIENT_LOG)
        self._processes.append(process)
        return process

    def _stop(self) -> None:
        for process in self._processes:
            process.ask_to_stop()
        for process in self._processes:
            process.stop()
