"""A consumer of a distributed run, with all its members on this machine."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from fairpoll.base.errors import ConsumerError, DeadlineError
from fairpoll.base.text import quoted
from fairpoll.consumers import MODES
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.run.distributed.crew import READY_SECONDS, Crew, handed_in
from fairpoll.run.groups import PRODUCED_SECONDS, ConsumerGroups
from fairpoll.run.names import group_names
from fairpoll.run.processes import ChildProcesses


def run_consumer(
    crew: Crew, config: Mapping[str, str], command: tuple[str, ...], say: Callable[[str], None]
) -> None:
    """Run one consumer of a run, by the same contract as in the suites, and hand in its evidence.

    Without a command it is the built-in one of that name. Raises FairpollError.
    """
    run, name = crew.run, crew.who
    if name not in run.consumers:
        raise ConsumerError(
            f"run {run.run_id} has no consumer {quoted(name)}; it has {', '.join(run.consumers)}"
        )
    if not command and name not in MODES:
        raise ConsumerError(f"{quoted(name)} is not built in; give its command behind the name")
    consumer = Subject(name, command) if command else Subject.built_in(name)
    with tempfile.TemporaryDirectory(prefix="fairpoll-consumer-") as place:
        part = _ConsumerPart(crew, config, consumer, Path(place), say)
        with handed_in(crew, part.files, part.facts):
            crew.measure_clock()
            crew.publish("here")
            say(f"{name}: waiting for the backlog of {run.shards} producers, and the other consumers")
            crew.wait(part.may_start, READY_SECONDS, lambda: ", ".join(run.missing(run.ready | run.here)))
            part.run()


class _ConsumerPart:
    """Synchronizes the life of a consumer group with the other parts of the run.

    `facts` are reported at its end, with times by the broker's clock.
    """

    def __init__(
        self,
        crew: Crew,
        config: Mapping[str, str],
        consumer: Subject,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self._crew, self._folder, self._say = crew, folder, say
        self.facts: dict[str, object] = {}
        (folder / consumer.name).mkdir()
        run = crew.run
        self._processes = ChildProcesses()
        self._life = ConsumerGroups(
            [consumer],
            run.scenario.at_speed(run.speed),
            run.topics,
            group_names([consumer.name], run.run_id),
            folder,
            self._processes,
            config,
            config,
            check=crew.check_not_stopped,
            note=self._note,
        )

    def files(self) -> list[tuple[Path, str]]:
        """The files of the consumer, and the names under which they are handed in."""
        name = self._crew.who
        paths = [path for path in sorted((self._folder / name).rglob("*")) if path.is_file()]
        files = [(path, path.relative_to(self._folder).as_posix()) for path in paths]
        ours = {layout.SAMPLES: layout.samples_of(name), layout.OBSERVED: layout.observed_of(name)}
        return [
            *files,
            *((self._folder / own, to) for own, to in ours.items() if (self._folder / own).exists()),
        ]

    def may_start(self) -> bool | None:
        """True when every backlog is acked and every consumer can start; None until then.

        A consumer that waited for another machine would have read the backlog before the start.
        """
        self._crew.check_all_there()
        run = self._crew.run
        return True if set(run.producers) <= run.ready and set(run.consumers) <= run.here else None

    def run(self) -> None:
        """From the first member's start to the last one's end. Raises FairpollError."""
        with self._processes:
            self._life.run(self._agree_start, self._wait_until_produced)
        delivered = self._life.outputs.summary() if self._life.outputs else "nothing"
        self._say(f"{self._crew.who}: stopped; delivered {delivered}")

    def _agree_start(self) -> float:
        self._say(f"{self._crew.who}: has its partitions, waiting for the others")
        return self._crew.agreed_start()

    def _wait_until_produced(self) -> int:
        run = self._crew.run

        def produced() -> bool | None:
            return True if set(run.producers) <= set(run.produced) else None

        def missing() -> str:
            return f"the traffic of {', '.join(name for name in run.producers if name not in run.produced)}"

        try:
            self._crew.wait(produced, PRODUCED_SECONDS, missing)
        except DeadlineError as error:
            self.facts["error"] = str(error)  # the evidence so far is handed in all the same
        self._say(f"{self._crew.who}: the traffic has ended")
        return sum(run.produced.values())

    def _note(self, **facts: object) -> None:
        """Keep facts of the run, with their times by the broker's clock."""
        for name, value in facts.items():
            if name.endswith("_ms") and isinstance(value, float):
                self.facts[name] = self._crew.broker_ms(value)
            elif name == "host" and isinstance(value, dict):
                self.facts[name] = {**value, "pauses": [*map(self._at_the_broker, value["pauses"])]}
            elif isinstance(value, list):
                self.facts[name] = [self._at_the_broker(e) if isinstance(e, dict) else e for e in value]
            else:
                self.facts[name] = value

    def _at_the_broker(self, entry: Mapping[str, object]) -> dict[str, object]:
        """An entry of the timeline or of the processes, with its times by the broker's clock."""
        return {
            key: self._crew.broker_ms(value) if key.endswith("_ms") and isinstance(value, float) else value
            for key, value in entry.items()
        }
