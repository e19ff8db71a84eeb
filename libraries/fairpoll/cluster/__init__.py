"""Kafka clusters of four kinds, behind one small protocol."""

from collections.abc import Callable

from fairpoll.base.errors import ClusterError, ClusterUnavailableError
from fairpoll.cluster.base import Cluster, ClusterOptions
from fairpoll.cluster.cleanup import clear_leftovers
from fairpoll.cluster.external import ExternalCluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.cluster import LocalCluster
from fairpoll.cluster.mock.cluster import MockCluster

KINDS = ("local", "mock", "compose", "external")

Tell = Callable[[str], None]

__all__ = ["KINDS", "Cluster", "ClusterOptions", "open_cluster"]


def open_cluster(
    kind: str, options: ClusterOptions, registry: Registry, *, warn: Tell, progress: Tell = lambda _text: None
) -> Cluster:
    """Start the cluster of this kind and return it; the registry stops it at the end of the run.

    Without a kind ("") it is local, or mock, with a warning, if no local one can run. What killed runs left
    behind is cleared before. Raises ClusterError.
    """
    if options.brokers not in (1, 3):
        raise ClusterError(f"a cluster has 1 or 3 brokers, not {options.brokers}")
    for cleared in clear_leftovers():
        warn(f"cleared what a killed run had left behind: {cleared}")
    if kind:
        cluster = _new(kind, options, registry, warn, progress)
        cluster.start()
        registry.at_end(cluster.stop)
        return cluster
    try:
        return open_cluster("local", options, registry, warn=warn, progress=progress)
    except ClusterUnavailableError as reason:
        warn(f"judged on librdkafka's mock cluster, not on a real broker: {reason}")
        return open_cluster("mock", options, registry, warn=warn, progress=progress)


def _new(kind: str, options: ClusterOptions, registry: Registry, warn: Tell, progress: Tell) -> Cluster:
    match kind:
        case "local":
            return LocalCluster(options, registry, progress)
        case "mock":
            return MockCluster(options, registry)
        case "external":
            return ExternalCluster(options, warn)
        case "compose":
            # Imported here, because other kinds do not need the Docker SDK.
            try:
                from fairpoll.cluster.compose.cluster import ComposeCluster  # noqa: PLC0415
            except ModuleNotFoundError as error:
                raise ClusterError(f"{error}; CLUSTER:compose needs pip install 'fairpoll[docker]'") from None

            return ComposeCluster(options, registry, warn, progress)
        case _:
            raise ClusterError(f"unknown cluster '{kind}'; one of: {', '.join(KINDS)}")
