"""The `mock` cluster: librdkafka's own, which needs nothing but the confluent-kafka wheel.

Good for a first look and for tests of the suite itself. Its bounds, which its API cannot raise: a
partition keeps about 5 MB or 100,000 batches, older ones are dropped silently; there is no CreateTopics
and no DescribeGroups; a fetch is answered with one batch a partition, and one that found nothing only
when its wait (`fetch.wait.max.ms`) is over, whatever arrives in the meantime.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping

import confluent_kafka

from fairpoll.base.errors import ClusterError
from fairpoll.base.logs import last_lines
from fairpoll.cluster.base import ClusterOptions, wrong_partitions
from fairpoll.cluster.leftovers import Registry

STOP_SECONDS = 5.0


class MockCluster:
    """librdkafka's mock cluster in a process of its own."""

    kind = "mock"
    faults = None

    def __init__(self, options: ClusterOptions, registry: Registry) -> None:
        self._options = options
        self._registry = registry
        self._process: subprocess.Popen[str] | None = None
        self._bootstrap_servers = ""
        self._topics: dict[str, int] = {}
        self._asking = threading.Lock()

    @property
    def description(self) -> str:
        version = confluent_kafka.libversion()[0]
        count = self._options.brokers
        return f"librdkafka {version} mock cluster, {count} broker{'s' if count > 1 else ''}"

    @property
    def client_config(self) -> dict[str, str]:
        return {"bootstrap.servers": self._bootstrap_servers}

    @property
    def consumer_config(self) -> dict[str, str]:
        return self.client_config

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
        """End its input, which ends the process; kill it if that does not help."""
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

    def create_topics(self, partitions: Mapping[str, int]) -> None:
        """Create topics; they can be used at once. Raises ClusterError."""
        # Whoever orders has to read the answer before the next one orders.
        with self._asking:
            for name, count in partitions.items():
                if self._topics.get(name, count) != count:
                    raise ClusterError(wrong_partitions(name, self._topics[name], count))
                if name in self._topics:
                    continue
                self._order({"topic": name, "partitions": count})
                if error := self._answer()["error"]:
                    raise ClusterError(f"topic {name} could not be created: {error}")
                self._topics[name] = count

    def delete(self, topics: Collection[str], groups: Collection[str]) -> None:
        """Nothing to do: they go with the cluster."""

    def _order(self, order: Mapping[str, object]) -> None:
        if self._process is None or self._process.stdin is None:
            raise ClusterError("the mock cluster is not running")
        # A mock process that has ended is noticed by its missing answer.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def _answer(self) -> dict[str, str]:
        line = self._process.stdout.readline() if self._process and self._process.stdout else ""
        if not line:
            raise ClusterError(
                f"the mock cluster ended on its own; see {self._options.log_folder / 'mock.log'}"
            )
        answer: dict[str, str] = json.loads(line)
        return answer
