"""Faults of the `compose` cluster with three brokers, injected through the Docker engine."""

import contextlib
from collections.abc import Iterator
from typing import Any

from docker.errors import APIError

from fairpoll.base.errors import ClusterError
from fairpoll.cluster.base import BrokerFault
from fairpoll.cluster.compose.engine import containers_of, engine, service_of

STOP_SECONDS = 20


class ComposeFaults:
    """See `base.Faults`. Broker n is the container of service kafka-n.

    Isolation takes the container off its network, and so isolates it from the other brokers too.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self.down: set[int] = set()
        # Isolated brokers -> their network, and their names in it.
        self._networks: dict[int, tuple[str, list[str]]] = {}

    def inject(self, fault: BrokerFault, node: int, seconds: float = 0.0) -> None:
        with self._container(node) as container:
            match fault:
                case "kill":
                    self.down.add(node)
                    container.kill()
                    container.wait(timeout=STOP_SECONDS)
                case "stop":
                    self.down.add(node)
                    container.stop(timeout=STOP_SECONDS)
                case "freeze":
                    container.pause()
                case "isolate":
                    ((name, attached),) = container.attrs["NetworkSettings"]["Networks"].items()
                    self._networks[node] = (name, attached["Aliases"] or [])
                    container.client.networks.get(name).disconnect(container, force=True)
                case _:
                    raise ClusterError(f"'{fault}' is not possible between containers")

    def heal(self, node: int) -> None:
        with self._container(node) as container:
            if container.status == "paused":
                container.unpause()
            if node in self._networks:
                name, aliases = self._networks.pop(node)
                container.client.networks.get(name).connect(container, aliases=aliases)

    def start(self, node: int) -> None:
        with self._container(node) as container:
            container.start()
            self.down.discard(node)

    @contextlib.contextmanager
    def _container(self, node: int) -> Iterator[Any]:
        with engine() as client:
            for container in containers_of(client, self._project):
                if service_of(container) == f"kafka-{node}":
                    try:
                        yield container
                    except APIError as error:
                        raise ClusterError(f"broker {node}: {error.explanation or error}") from None
                    return
        raise ClusterError(f"broker {node} does not exist in project {self._project}")
