"""The brokers of docker-compose.yml, on a Docker engine."""

from fairpoll.base.errors import ClusterError
from fairpoll.cluster.base import Cluster, ClusterOptions, Tell
from fairpoll.cluster.leftovers import Registry


def new_compose_cluster(options: ClusterOptions, registry: Registry, warn: Tell, progress: Tell) -> Cluster:
    """A ComposeCluster, which is not started. Raises ClusterError if the Docker SDK is not installed."""
    # Imported here, because other kinds do not need the Docker SDK.
    try:
        from fairpoll.cluster.compose.cluster import ComposeCluster  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ClusterError(f"{error}; CLUSTER:compose needs pip install 'fairpoll[docker]'") from None

    return ComposeCluster(options, registry, warn, progress)
