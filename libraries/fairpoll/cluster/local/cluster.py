"""The `local` cluster: Apache Kafka in KRaft mode, as JVM processes of ours on loopback."""

import shutil
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from fairpoll.base.errors import ClusterError, DeadlineError
from fairpoll.base.logs import last_lines
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.base import Cluster, ClusterOptions, Tell, brokers_text, silent
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.broker import Broker, server_properties
from fairpoll.cluster.local.faults import LocalFaults, Network
from fairpoll.cluster.local.jars import KafkaInstallation, find_kafka
from fairpoll.cluster.ports import HOST, free_ports

# Another process may take a free port before the broker binds it.
START_TRIES = 3
# One broker ends in under a second. The last of three would wait 5 s for a lost quorum; they are killed
# instead, since their data is deleted anyway.
STOP_SECONDS = 2.0
FORMAT_SECONDS = 60.0
LOG_CONFIG = Path(__file__).with_name("log4j2.properties")
# Short runs: compile quickly rather than well, and stay small beside the consumers under test.
JVM_FLAGS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class LocalCluster(Cluster):
    """Apache Kafka on this machine, 1 or 3 brokers, its data in a temporary folder of its own."""

    kind = "local"
    same_clock = True
    faults: LocalFaults | None = None

    def __init__(
        self,
        options: ClusterOptions,
        registry: Registry,
        _warn: Tell = silent,
        progress: Tell = silent,
        *,
        server_properties: Mapping[str, str] | None = None,
        login: Mapping[str, str] | None = None,
    ) -> None:
        """`server_properties` are added to ours; `login` are client properties, for clusters with a login."""
        self._options = options
        self._registry = registry
        self._progress = progress
        self._extra = dict(server_properties or {})
        self._login = dict(login or {})
        self._kafka: KafkaInstallation | None = None
        self._folder: Path | None = None
        self._admin: Admin | None = None
        self._network: Network | None = None
        self.brokers: list[Broker] = []
        self.cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")

    @property
    def description(self) -> str:
        kafka, brokers = self._kafka, brokers_text(self._options.brokers)
        if kafka is None:
            return "Apache Kafka, not started"
        return f"Apache Kafka {kafka.kafka_version} (KRaft), {brokers}, Java {kafka.java_version}"

    @property
    def client_config(self) -> dict[str, str]:
        servers = ",".join(f"{HOST}:{broker.port}" for broker in self.brokers)
        return {**self._login, "bootstrap.servers": servers}

    @property
    def consumer_config(self) -> dict[str, str]:
        through = {"bootstrap.servers": self._network.bootstrap_servers} if self._network else {}
        return {**self.client_config, **through}

    def start(self) -> None:
        """Start the brokers and wait until our own cluster id answers. Raises ClusterError."""
        self._kafka = find_kafka(self._progress)
        self._progress(f"starting {self.description}")
        for attempt in range(1, START_TRIES + 1):
            try:
                self._start_once(self._kafka)
                return
            except _PortTakenError:
                self.stop()
                if attempt == START_TRIES:
                    raise ClusterError(f"no free port could be bound in {START_TRIES} tries") from None
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """Send SIGTERM to all brokers, SIGKILL to those that do not end; then remove the data."""
        if self._admin:
            self._admin.close()
            self._admin = None
        if self._network:
            self._network.stop()
            self._network = self.faults = None
        running = [broker.process for broker in self.brokers if broker.process]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.brokers = []
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def check(self) -> None:
        """Raise ClusterError with the end of its log if a broker has ended on its own."""
        for broker in self.brokers:
            code = broker.process.poll() if broker.process else None
            if code is not None and not (self.faults and broker.node_id in self.faults.down):
                raise ClusterError(
                    f"broker {broker.node_id} ended on its own with exit code {code}; its log "
                    f"({broker.log}) ends with:\n{last_lines(broker.log)}"
                )

    def create_topics(
        self, partitions: Mapping[str, int], settings: Mapping[str, str] | None = None
    ) -> set[str]:
        """Create topics, replicated to every broker. Raises ClusterError."""
        if self._admin is None:
            raise ClusterError("the local cluster is not running")
        return self._admin.create_topics(partitions, min(3, len(self.brokers)), settings)

    def set_session(self, group: str, session_ms: int) -> bool:
        """Set the session timeout of the group's members. False if the brokers do not take it."""
        return self._admin is not None and self._admin.set_session(group, session_ms)

    def _start_once(self, kafka: KafkaInstallation) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fairpoll-kafka-"))
        self._registry.add_folder(self._folder)
        self._options.log_folder.mkdir(parents=True, exist_ok=True)
        ports = free_ports(4 * self._options.brokers)
        self.brokers = [
            Broker(
                node_id=n + 1,
                port=ports[4 * n],
                controller_port=ports[4 * n + 1],
                consumer_port=ports[4 * n + 2],
                proxy_port=ports[4 * n + 3],
                data=self._folder / f"broker-{n + 1}",
                log=self._options.log_folder / f"broker-{n + 1}.log",
            )
            for n in range(self._options.brokers)
        ]
        for broker in self.brokers:
            broker.data.mkdir()
            (broker.data / "server.properties").write_text(
                server_properties(broker, self.brokers, self._extra), "utf-8"
            )
        self._format(kafka)
        for broker in self.brokers:
            self._launch(broker)
        if len(self.brokers) == 3:  # a smaller cluster does not survive the loss of a broker
            ways = {b.node_id: (b.proxy_port, b.consumer_port) for b in self.brokers}
            self._network = Network(ways, self._options.log_folder / "proxy.log")
            self._registry.add_process(self._network.pid)
            self.faults = LocalFaults(self.brokers, self._launch, self._network)
        self._wait_until_ready()

    def _launch(self, broker: Broker) -> None:
        """Start a broker's process on the data it has. Raises ClusterError when the cluster was stopped."""
        if self._kafka is None or self._folder is None:
            raise ClusterError("the local cluster is not running")
        properties = str(broker.data / "server.properties")
        broker.process = self._java(self._kafka, broker, "kafka.Kafka", properties)

    def _format(self, kafka: KafkaInstallation) -> None:
        """Give every broker's storage our cluster id, side by side."""
        # With "=", because an id may begin with a hyphen and would be read as an option.
        command = ("kafka.tools.StorageTool", "format", f"--cluster-id={self.cluster_id}", "--config")
        tools = [
            (broker, self._java(kafka, broker, *command, str(broker.data / "server.properties")))
            for broker in self.brokers
        ]
        try:
            for broker, tool in tools:
                if tool.wait(FORMAT_SECONDS) != 0:
                    raise ClusterError(
                        f"broker {broker.node_id}'s storage was not formatted:\n{last_lines(broker.log)}"
                    )
        except subprocess.TimeoutExpired:
            raise ClusterError(f"storage was not formatted within {FORMAT_SECONDS:g} s") from None
        finally:
            for _, tool in tools:  # also after Ctrl-C
                tool.kill()
                tool.wait()

    def _java(self, kafka: KafkaInstallation, broker: Broker, *arguments: str) -> subprocess.Popen[bytes]:
        config = f"-Dlog4j2.configurationFile={LOG_CONFIG}"
        command = [str(kafka.java), *JVM_FLAGS, config, "-cp", kafka.class_path, *arguments]
        with broker.log.open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._registry.add_process(process.pid)
        return process

    def _wait_until_ready(self) -> None:
        """Wait until all brokers answer; fail at once if one has ended. Raises ClusterError."""
        self._admin = admin = Admin(self.client_config, self._options.log_folder / "admin.log")

        def check() -> None:
            for broker in self.brokers:
                if broker.process and broker.process.poll() is not None:
                    end = last_lines(broker.log)
                    if "Address already in use" in end or "BindException" in end:
                        raise _PortTakenError
                    raise ClusterError(f"broker {broker.node_id} ended while starting ({broker.log}):\n{end}")

        seconds = self._options.start_timeout_seconds
        try:
            admin.wait_until_answered(len(self.brokers), self.cluster_id, seconds, check)
        except DeadlineError as error:
            raise ClusterError(
                f"Kafka not ready: {error}; broker logs in {self._options.log_folder}"
            ) from None


class _PortTakenError(Exception):
    """A free port was taken before the broker bound it."""
