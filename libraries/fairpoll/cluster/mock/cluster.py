"""The `mock` cluster: librdkafka's own, which needs nothing but the confluent-kafka wheel.

It is meant for a first try and for tests of the suite itself. Its limits cannot be raised through its API: a
partition keeps about 5 MB or 100,000 batches, and older ones are dropped silently; CreateTopics and
DescribeGroups are missing; a fetch returns one batch for each partition; an empty fetch returns after
`fetch.wait.max.ms`, even if records arrive meanwhile.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping

import confluent_kafka

from fairpoll.base.errors import ClusterError
from fairpoll.base.logs import last_lines
from fairpoll.cluster.base import Cluster, ClusterOptions, Tell, brokers_text, wrong_partitions
from fairpoll.cluster.leftovers import Registry

STOP_SECONDS = 5.0


class MockCluster(Cluster):
    """librdkafka's mock cluster in a process of its own."""

    kind = "mock"

    def __init__(self, options: ClusterOptions, registry: Registry, *_tell: Tell) -> None:
        self._options = options
        self._registry = registry
        self._process: subprocess.Popen[str] | None = None
        self._bootstrap_servers = ""
        self._topics: dict[str, int] = {}
        self._asking = threading.Lock()

    @property
    def description(self) -> str:
        version = confluent_kafka.libversion()[0]
        return f"librdkafka {version} mock cluster, {brokers_text(self._options.brokers)}"

    @property
    def client_config(self) -> dict[str, str]:
        return {"bootstrap.servers": self._bootstrap_servers}

    def start(self) -> None:
        """Start the process and learn its address. Raises ClusterError."""
        folder = self._options.log_folder
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "mock.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fairpoll.cluster.mock.process", str(self._options.brokers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._registry.add_process(self._process.pid)
        try:
            self._bootstrap_servers = self._answer()["bootstrap_servers"]
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close its standard input, on which the process ends; kill it if it does not."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def check(self) -> None:
        """Raise ClusterError if the process has ended."""
        if self._process and self._process.poll() is not None:
            log = self._options.log_folder / "mock.log"
            raise ClusterError(f"the mock cluster ended on its own; its log ({log}):\n{last_lines(log)}")

    def create_topics(
        self, partitions: Mapping[str, int], settings: Mapping[str, str] | None = None
    ) -> set[str]:
        """Create topics, without `settings`; they can be used at once. Raises ClusterError."""
        created: set[str] = set()
        # Each command is followed by its answer, before another thread sends one.
        with self._asking:
            for name, count in partitions.items():
                if self._topics.get(name, count) != count:
                    raise ClusterError(wrong_partitions(name, self._topics[name], count))
                if name in self._topics:
                    continue
                self._send_command({"topic": name, "partitions": count})
                if error := self._answer()["error"]:
                    raise ClusterError(f"topic {name} could not be created: {error}")
                self._topics[name] = count
                created.add(name)
        return created

    def _send_command(self, command: Mapping[str, object]) -> None:
        if self._process is None or self._process.stdin is None:
            raise ClusterError("the mock cluster is not running")
        # A mock process that has ended is noticed by its missing answer.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()

    def _answer(self) -> dict[str, str]:
        line = self._process.stdout.readline() if self._process and self._process.stdout else ""
        if not line:
            raise ClusterError(
                f"the mock cluster ended on its own; see {self._options.log_folder / 'mock.log'}"
            )
        answer: dict[str, str] = json.loads(line)
        return answer
