"""The processes that write down what consumers deliver to sinks that are seen from outside."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from fairpoll.base.errors import ConsumerError, TrafficError
from fairpoll.base.logs import last_lines
from fairpoll.contract.environment import connection_variables
from fairpoll.contract.output_fields import Fields
from fairpoll.contract.source import OUTPUT_TOPIC, SINK_URL, Source
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.run.processes import ChildProcess, ChildProcesses
from fairpoll.run.readiness import wait_for_event
from fairpoll.run.started import STOP_SECONDS
from fairpoll.scenarios.model import Scenario

# A database and a driver that was never imported before take seconds.
READY_SECONDS = 30.0


class Collectors(AbstractContextManager["Collectors", None]):
    """A collector for each consumer whose records are seen from outside; stopped after the consumers.

    `topics` maps consumers to the topics in which they are seen. At the end of the block they read what is
    left; then raises ConsumerError for one that could not go on.
    """

    def __init__(
        self,
        consumers: Sequence[Subject],
        topics: Mapping[str, str],
        run_id: str,
        folder: Path,
        config: Mapping[str, str],
        processes: ChildProcesses,
    ) -> None:
        self._consumers = [consumer for consumer in consumers if consumer.source]
        self._topics, self._run_id, self._folder = topics, run_id, folder
        self._config, self._processes = config, processes
        self._running: dict[str, ChildProcess] = {}

    def start(self, scenario: Scenario, check: Callable[[], None]) -> dict[str, dict[str, str]]:
        """Start them, and wait until they are ready. Return what each consumer is given, by its name."""
        for consumer in self._consumers:
            assert consumer.source is not None
            self._running[consumer.name] = self._launch(consumer, consumer.source, scenario)
        given = {}
        for consumer in self._consumers:
            assert consumer.source is not None
            event = self._ready(self._running[consumer.name], check)
            topic = consumer.source.kind == "topic"
            given[consumer.name] = (
                {OUTPUT_TOPIC: self._topics[consumer.name]}
                if topic
                else {SINK_URL: event["url"]}
                if event.get("url")
                else {}
            )
        return given

    def _ready(self, process: ChildProcess, check: Callable[[], None]) -> dict[str, str]:
        def checked() -> None:
            check()
            self.check()

        try:
            return wait_for_event(process, "startup_complete", READY_SECONDS, checked)
        except TrafficError:
            raise ConsumerError(_why(process)) from None

    def _launch(self, consumer: Subject, source: Source, scenario: Scenario) -> ChildProcess:
        folder = self._folder / consumer.name
        named = replace(source, place=self._topics.get(consumer.name, source.place))
        words = ["--evidence", named.text, "--query", source.query, "--fields", _mapping(consumer.fields)]
        words += ["--run-id", self._run_id, "--output-folder", str(folder)]
        words += ["--sink-rate", f"{scenario.sink_rate:g}"]
        for topic in scenario.topics:
            words += ["--topic-sink-rate", f"{topic.name}={topic.sink_rate:g}"] if topic.sink_rate else []
        return self._processes.start(
            f"the collector of {consumer.name}",
            (sys.executable, "-m", "fairpoll", "collect", "--controlled", *words),
            connection_variables(self._config),
            folder / layout.COLLECTED,
            folder / layout.COLLECTOR_LOG,
        )

    def set_sink(self, consumer: str, rate: float | None) -> None:
        """Change the rate of a sink that is served (records per second); None: no limit."""
        if process := self._running.get(consumer):
            process.send_command("drain" if rate is None else f"sink {rate:g}")

    def check(self) -> None:
        """Raise ConsumerError if one has ended."""
        for process in self._running.values():
            if not process.running:
                raise ConsumerError(_why(process))

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        failed = []
        for process in self._running.values():
            process.stop(STOP_SECONDS if error is None else 0.0)
            failed += [_why(process)] if process.exit_code else []
        if failed and error is None:
            raise ConsumerError("; ".join(failed))


def _mapping(fields: Fields) -> str:
    """The field mapping as it is given on a command line."""
    mapping = vars(fields) if not fields.id else {"id": fields.id, "value": fields.value}
    return " ".join(f"{name}={path}" for name, path in mapping.items() if path)


def _why(process: ChildProcess) -> str:
    line = last_lines(process.log, 1).strip().removeprefix("fairpoll: ")
    return line if line != "(nothing)" else f"{process.name} ended with exit code {process.exit_code}"
