"""The `compose` cluster: docker-compose.yml at the top of the project, under a project name of its own."""

import os
import re
import secrets
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from fairpoll.base.errors import ClusterError, DeadlineError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.base import Cluster, ClusterOptions, Tell, brokers_text, silent
from fairpoll.cluster.compose.cli import ComposeProject, find_compose, last_words
from fairpoll.cluster.compose.containers import ProjectContainers
from fairpoll.cluster.compose.engine import (
    containers_of,
    engine,
    is_here,
    is_stand_in,
    publisher_of,
    remove_project,
    service_of,
)
from fairpoll.cluster.compose.faults import ComposeFaults
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.ports import HOST, free_ports, is_free, listening_process

# Resolved, because the build contexts in it are relative to the checkout.
COMPOSE_FILE = (Path(__file__).parents[2] / "docker-compose.yml").resolve()
# Where both kinds of broker keep their data, the cluster's id with it.
META_FILE = "/var/lib/kafka/data/meta.properties"
# Another process may take a free port before the engine binds it.
START_TRIES = 3
PORT_TAKEN = re.compile(r"port is already allocated|address already in use|ports are not available")
PORT_OF_ERROR = re.compile(r"(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)")
UI, UI_PORT = "kafka-ui", "FAIRPOLL_UI_PORT"


class ComposeCluster(Cluster):
    """Brokers in containers: one with ZooKeeper, or three of KRaft; stopped and removed at the end.

    Each broker's port is that of its environment variable (FAIRPOLL_BROKER_PORT, or FAIRPOLL_BROKER_PORT_1 to
    _3), else a free one, so that runs side by side do not collide.
    """

    kind = "compose"
    faults: ComposeFaults | None = None

    def __init__(
        self,
        options: ClusterOptions,
        registry: Registry,
        warn: Tell = silent,
        progress: Tell = silent,
    ) -> None:
        self._options = options
        self._registry = registry
        self._warn = warn
        self._progress = progress
        three = options.brokers == 3
        self.brokers = ["kafka-1", "kafka-2", "kafka-3"] if three else ["kafka"]
        self.services = self.brokers if three else ["zookeeper", *self.brokers]
        self._port_names = (
            [f"FAIRPOLL_BROKER_PORT_{n}" for n in (1, 2, 3)] if three else ["FAIRPOLL_BROKER_PORT"]
        )
        self.project = f"fairpoll-{secrets.token_hex(4)}"
        self._containers = ProjectContainers(self.project, options.log_folder)
        self._description = "Kafka in Docker, not started"
        self._ports: list[int] = []
        self._ui_port = 0
        self._compose: ComposeProject | None = None
        self._admin: Admin | None = None
        self._up = False

    @property
    def description(self) -> str:
        return self._description

    @property
    def client_config(self) -> dict[str, str]:
        return {"bootstrap.servers": ",".join(f"{HOST}:{port}" for port in self._ports)}

    def start(self) -> None:
        """Fetch the images, start the containers, and wait until they are healthy and answer.

        Raises ClusterUnavailableError if Docker cannot be used here, else ClusterError.
        """
        command = find_compose()
        with engine() as client:
            for attempt in range(1, START_TRIES + 1):
                environment = self._environment(client)
                self._compose = ComposeProject(
                    command, COMPOSE_FILE, self.project, environment, self._registry.add_process
                )
                images = self._fetch(client, self._compose, self.services)
                image = images[self.brokers[0]]
                made = f"{image}, stand-in" if is_stand_in(client, image) else image
                brokers = brokers_text(len(self.brokers))
                self._description = f"Kafka in Docker ({made}), {brokers}, Compose {command.version}"
                try:
                    self._start_once(client, self._compose)
                    break
                except _PortTakenError as error:
                    self._take_down()
                    if error.chosen_by_user or attempt == START_TRIES:
                        raise ClusterError(str(error)) from None
                except BaseException:
                    self._take_down()
                    raise
        if self._options.keep and self._compose:
            self._registry.forget_project(self.project)
            self._warn(
                f"KEEP: stays up at {self.client_config['bootstrap.servers']}; remove it with "
                f"'{self._compose.down_command}'"
            )

    def stop(self) -> None:
        """Collect the containers' logs, then remove the project, unless `keep` is set."""
        if self._admin:
            self._admin.close()
            self._admin = None
        if self._up and self._options.keep:
            self._containers.collect_logs()
            self._up = False
        self._take_down()

    def start_ui(self) -> str:
        """Start Kafka UI beside the brokers, unless it runs, and return its address once it is healthy.

        Raises ClusterUnavailableError if its image cannot be pulled, else ClusterError.
        """
        if self._compose is None or not self._up:
            raise ClusterError("the compose cluster is not running")
        if "kafka" not in self.brokers:
            raise ClusterError("Kafka UI looks at the cluster with one broker; run with BROKERS:1")
        address = f"http://{HOST}:{self._ui_port}"
        with engine() as client:
            if UI in self._containers.states(client):
                return address
            if not is_free(self._ui_port):
                raise ClusterError(_taken(client, self._ui_port, UI_PORT))
            self._fetch(client, self._compose, [UI])
            if errors := self._compose.up([UI], self._options.start_timeout_seconds):
                raise ClusterError(
                    f"Compose could not start Kafka UI: {last_words(errors)}{self._containers.why(client)}"
                )
            self._containers.wait_until_healthy(client, [UI], self._options.start_timeout_seconds)
        return address

    def check(self) -> None:
        """Raise ClusterError with the end of its log if a container ended on its own."""
        down = {f"kafka-{node}" for node in self.faults.down} if self.faults else set()
        with engine() as client:
            states = self._containers.states(client)
            for service in self.services:
                state = states.get(service, "gone")
                if state.startswith(("exited", "dead", "gone")) and service not in down:
                    raise ClusterError(f"{service} ended while the run went on{self._containers.why(client)}")

    def create_topics(
        self, partitions: Mapping[str, int], settings: Mapping[str, str] | None = None
    ) -> set[str]:
        """Create topics, replicated to every broker. Raises ClusterError."""
        if self._admin is None:
            raise ClusterError("the compose cluster is not running")
        return self._admin.create_topics(partitions, len(self.brokers), settings)

    def set_session(self, group: str, session_ms: int) -> bool:
        """Set the session timeout of the group's members. False if the brokers do not take it."""
        return self._admin is not None and self._admin.set_session(group, session_ms)

    def delete(self, topics: Collection[str], groups: Collection[str]) -> None:
        """Remove a run's topics and groups from a cluster that is kept; otherwise they end with it."""
        if self._options.keep and self._admin:
            self._admin.delete(topics, groups)

    def _environment(self, client: Any) -> dict[str, str]:
        """The variables of the Compose file. Raises ClusterError if a port that the user chose is taken."""
        self._ports = [
            int(os.environ[name]) if os.environ.get(name) else port
            for name, port in zip(self._port_names, free_ports(len(self._port_names)), strict=True)
        ]
        for name, port in zip(self._port_names, self._ports, strict=True):
            if os.environ.get(name) and not is_free(port):
                raise ClusterError(_taken(client, port, name))
        self._ui_port = int(os.environ.get(UI_PORT) or free_ports(1)[0])
        ports = {name: str(port) for name, port in zip(self._port_names, self._ports, strict=True)}
        ports[UI_PORT] = str(self._ui_port)
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        return {**ports, "FAIRPOLL_CLUSTER_ID": cluster_id}

    def _fetch(self, client: Any, compose: ComposeProject, services: Collection[str]) -> dict[str, str]:
        """Service -> image; missing images of these services are pulled."""
        images = compose.images()
        for service in services:
            if not is_here(client, images[service]):
                self._progress(f"pulling {images[service]}, once")
                compose.pull(service, images[service])
        return images

    def _start_once(self, client: Any, compose: ComposeProject) -> None:
        self._options.log_folder.mkdir(parents=True, exist_ok=True)
        self._registry.add_project(self.project)
        self._up = True
        self._progress(f"starting {', '.join(self.services)} as project {self.project}")
        if errors := compose.up(self.services, self._options.start_timeout_seconds):
            if PORT_TAKEN.search(errors):
                raise self._port_taken(client, errors)
            raise ClusterError(
                f"Compose could not start the cluster: {last_words(errors)}{self._containers.why(client)}"
            )
        self._containers.wait_until_healthy(client, self.services, self._options.start_timeout_seconds)
        self._wait_until_ours(client)
        if len(self.brokers) == 3:  # a smaller cluster does not survive the loss of a broker
            self.faults = ComposeFaults(self.project)

    def _wait_until_ours(self, client: Any) -> None:
        """Wait until all brokers answer with the cluster id of the container's own files."""
        self._admin = admin = Admin(self.client_config, self._options.log_folder / "admin.log")
        broker = next(
            one for one in containers_of(client, self.project) if service_of(one) == self.brokers[0]
        )
        seconds = self._options.start_timeout_seconds
        try:
            cluster_id = wait_until(lambda: _cluster_id(broker), seconds, f"the cluster id in {META_FILE}")
            admin.wait_until_answered(len(self.brokers), cluster_id, seconds)
        except DeadlineError as error:
            raise ClusterError(f"Kafka not ready: {error}{self._containers.why(client)}") from None

    def _port_taken(self, client: Any, errors: str) -> "_PortTakenError":
        named = {int(port) for port in PORT_OF_ERROR.findall(errors)}
        ports = dict(zip(self._ports, self._port_names, strict=True))
        port = next((one for one in self._ports if one in named), self._ports[0])
        return _PortTakenError(_taken(client, port, ports[port]), bool(os.environ.get(ports[port])))

    def _take_down(self) -> None:
        """Collect the logs, then take the project down, by Compose and by hand. Safe to call twice."""
        if self._admin:
            self._admin.close()
            self._admin = None
        if not self._up or self._compose is None:
            return
        self._up = False
        try:
            self._containers.collect_logs()
        except ClusterError as error:
            self._warn(f"the containers' logs were not collected: {error}")
        errors = self._compose.down()
        try:
            remove_project(self.project)
        except ClusterError as error:
            # It stays in the registry, so that the next run clears it.
            self._warn(f"project {self.project} may be left behind: {last_words(errors)}; {error}")
            return
        self._registry.forget_project(self.project)


class _PortTakenError(Exception):
    """A free port was taken before the engine bound it."""

    def __init__(self, message: str, chosen_by_user: bool) -> None:
        super().__init__(message)
        self.chosen_by_user = chosen_by_user


def _taken(client: Any, port: int, variable: str) -> str:
    holder = publisher_of(client, port) or listening_process(port) or "another process"
    return (
        f"port {port} is taken by {holder}; stop it, or choose another with the environment variable "
        f"{variable} (not set: a free one is found)"
    )


def _cluster_id(broker: Any) -> str:
    done = broker.exec_run(["cat", META_FILE])
    match = re.search(r"^cluster\.id=(\S+)", done.output.decode("utf-8", "replace"), re.MULTILINE)
    return match[1] if match and done.exit_code == 0 else ""
