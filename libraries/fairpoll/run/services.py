"""Consumers that are a service of the user's own Compose file, with what the service depends on."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fairpoll.base.errors import ConsumerError, DeadlineError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.compose.cli import ComposeProject, find_compose
from fairpoll.cluster.compose.engine import containers_of, engine, remove_project, service_of
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract import environment as contract
from fairpoll.contract.source import OUTPUT_TOPIC, SINK_URL
from fairpoll.run.containers import INSTEAD, LABEL, ContainerProcess

# Stands for the variables of the contract in a Compose file that is only checked.
_UNSET = dict.fromkeys(
    (
        contract.BOOTSTRAP_SERVERS,
        contract.GROUP,
        contract.TOPICS,
        contract.OUTPUT_FOLDER,
        contract.MEMBER,
        contract.SINK_RATE,
        OUTPUT_TOPIC,
        SINK_URL,
    ),
    "unset",
)
# A database that is made anew takes seconds.
DEPENDENCIES_SECONDS = 120.0
COMPOSE_LABELS = "com.docker.compose."


def require_service(service: str, file: str, progress: Callable[[str], None]) -> None:
    """Build or pull what the service needs. Raises FairpollError if there is no engine or no such service."""
    progress(f"building or pulling service {service} of {file}")
    project = ServiceProject(service, file)
    try:
        project.fetch()
    finally:
        project.remove()


class ServiceProject:
    """A project of the run's own of the user's Compose file: the dependencies, and the service as a template.

    `registry` notes it before anything of it is created.
    """

    def __init__(self, service: str, file: str, registry: Registry | None = None) -> None:
        self.service, self.file = service, file
        self.project = f"fairpoll-{secrets.token_hex(4)}"
        self._registry = registry
        self._command = find_compose()
        self._depends_on: list[str] | None = None
        if not Path(file).is_file():
            raise ConsumerError(f"FILE: {file} is not a file")
        if registry:
            registry.add_project(self.project)

    def fetch(self) -> None:
        """Build or pull the service and its dependencies. Raises FairpollError."""
        with engine(INSTEAD):
            compose = self._compose(_UNSET)
            self._check(compose.configuration())
            compose.fetch(self.service)

    def _compose(self, environment: Mapping[str, str]) -> ComposeProject:
        started = self._registry.add_process if self._registry else lambda _pid: None
        return ComposeProject(self._command, Path(self.file).resolve(), self.project, environment, started)

    def _check(self, services: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.service not in services:
            known = ", ".join(sorted(services)) or "none"
            raise ConsumerError(f"SERVICE: {self.file} has no service {self.service}; it has {known}")
        definition: Mapping[str, Any] = services[self.service]
        return definition

    def template(self, client: Any, environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
        """The service's container with these variables, which is not started, and the hosts that it needs.

        The first call starts what the service depends on, and waits until it is healthy. Raises
        FairpollError.
        """
        compose = self._compose(environment)
        if self._depends_on is None:
            depends_on = sorted(self._check(compose.configuration()).get("depends_on") or ())
            if depends_on:
                compose.up_dependencies(depends_on)
                self._wait_for(client, depends_on)
            self._depends_on = depends_on
        compose.create(self.service)
        found = containers_of(client, self.project)
        (template,) = [one for one in found if service_of(one) == self.service]
        return template.attrs, [host for one in found for host in _hosts_of(one)]

    def _wait_for(self, client: Any, services: Sequence[str]) -> None:
        """Wait until each is healthy, runs without a check of its health, or has ended with exit code 0."""
        waiting = ""

        def ready() -> bool:
            nonlocal waiting
            for container in containers_of(client, self.project):
                state, name = container.attrs["State"], service_of(container)
                if name not in services:
                    continue
                if state["Status"] == "exited" and state["ExitCode"]:
                    raise ConsumerError(
                        f"{name} of {self.file}, on which {self.service} depends, ended with exit code "
                        f"{state['ExitCode']}"
                    )
                if state.get("Health", {}).get("Status", "healthy") != "healthy":
                    waiting = name
                    return False
            return True

        try:
            wait_until(ready, DEPENDENCIES_SECONDS, "dependencies", interval_seconds=0.2)
        except DeadlineError:
            raise ConsumerError(
                f"{waiting} of {self.file}, on which {self.service} depends, is not healthy after "
                f"{DEPENDENCIES_SECONDS:g} s"
            ) from None

    def remove(self) -> None:
        """Remove containers, networks and volumes of the project. Raises ClusterError."""
        remove_project(self.project)
        if self._registry:
            self._registry.forget_project(self.project)


def _hosts_of(container: Any) -> list[str]:
    """`name:address` for each name of a running container in its networks."""
    names: dict[str, str] = {}
    for network in container.attrs["NetworkSettings"]["Networks"].values():
        if network["IPAddress"]:
            aliases = (service_of(container), container.name, *(network["Aliases"] or ()))
            names |= dict.fromkeys(aliases, network["IPAddress"])
    return [f"{name}:{address}" for name, address in names.items()]


class ServiceProcess(ContainerProcess):
    """A container as Compose would create that of the service, in the network of this machine.

    Brokers and the sink of a run are on its loopback; the service's dependencies are reached by the addresses
    of their containers, under their own names. Ports are not published: the network is the machine's.
    """

    def __init__(self, name: str, service: ServiceProject, *arguments: Any, **more: Any) -> None:
        self._service = service
        super().__init__(name, f"service {service.service} of {service.file}", *arguments, **more)

    def _create(self, client: Any, environment: Mapping[str, str], mounted: Sequence[str]) -> Any:
        template, hosts = self._service.template(client, environment)
        config, host = dict(template["Config"]), dict(template["HostConfig"])
        variables = dict(one.partition("=")[::2] for one in config["Env"] or ())
        labels = {key: text for key, text in config["Labels"].items() if not key.startswith(COMPOSE_LABELS)}
        for key in ("Hostname", "Domainname", "ExposedPorts", "MacAddress"):
            config.pop(key, None)
        host |= {
            "NetworkMode": "host",
            "PortBindings": {},
            "Links": None,
            "ExtraHosts": [*(host["ExtraHosts"] or ()), *hosts],
            "Binds": [*(host["Binds"] or ()), *mounted],
            "LogConfig": {"Type": "none", "Config": {}},
            # RESTART decides whether it is started again.
            "RestartPolicy": {"Name": "no"},
        }
        config |= {
            "Env": [f"{key}={text}" for key, text in {**variables, **environment}.items()],
            "Labels": {**labels, LABEL: self.name},
            "Tty": False,
            "HostConfig": host,
        }
        if self.command:
            config["Cmd"] = list(self.command)
        created = client.api.create_container_from_config(config, self.container)
        return client.containers.get(created["Id"])
