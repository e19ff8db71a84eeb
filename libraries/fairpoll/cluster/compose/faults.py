"""Faults of the `compose` cluster with three brokers, injected through the Docker engine."""

import contextlib
from collections.abc import Iterator
from typing import Any, NoReturn

from docker.errors import APIError

from fairpoll.base.errors import ClusterError, ClusterUnavailableError
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

    def kill(self, node: int) -> None:
        with self._container(node) as container:
            self.down.add(node)
            container.kill()
            container.wait(timeout=STOP_SECONDS)

    def stop(self, node: int) -> None:
        with self._container(node) as container:
            self.down.add(node)
            container.stop(timeout=STOP_SECONDS)

    def start(self, node: int) -> None:
        with self._container(node) as container:
            container.start()
            self.down.discard(node)

    def freeze(self, node: int) -> None:
        with self._container(node) as container:
            container.pause()

    def thaw(self, node: int) -> None:
        with self._container(node) as container:
            if container.status == "paused":
                container.unpause()

    def isolate(self, node: int) -> None:
        with self._container(node) as container:
            ((name, attached),) = container.attrs["NetworkSettings"]["Networks"].items()
            self._networks[node] = (name, attached["Aliases"] or [])
            container.client.networks.get(name).disconnect(container, force=True)

    def drop_responses(self, node: int) -> None:
        self._not_here("dropping responses")

    def delay(self, node: int, seconds: float) -> None:
        self._not_here("latency")

    def heal(self, node: int) -> None:
        if node not in self._networks:
            return
        name, aliases = self._networks.pop(node)
        with self._container(node) as container:
            container.client.networks.get(name).connect(container, aliases=aliases)

    def _not_here(self, what: str) -> NoReturn:
        raise ClusterUnavailableError(f"{what} is not possible between containers; run with CLUSTER:local")

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
