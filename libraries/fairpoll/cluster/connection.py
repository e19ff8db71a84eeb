"""Single requests to a cluster, each with an admin client of its own."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka.admin import ClusterMetadata  # type: ignore[attr-defined]

from fairpoll.base.errors import ClusterError
from fairpoll.cluster.admin import Admin

# Twice what a login over TLS to a distant broker may take.
ANSWER_SECONDS = 10.0
# A broker that has just answered at another address does so again, a login over TLS included.
REACH_SECONDS = 3.0


@contextlib.contextmanager
def admin_client(client_config: Mapping[str, str]) -> Iterator[Admin]:
    """An admin client whose log, with a line for each attempt to connect, is discarded."""
    with tempfile.TemporaryDirectory(prefix="fairpoll-admin-") as folder:
        admin = Admin(client_config, Path(folder) / "admin.log")
        try:
            yield admin
        finally:
            admin.close()


def create_missing_topics(
    partitions: Mapping[str, int],
    client_config: Mapping[str, str],
    topic_config: Mapping[str, str] | None = None,
) -> None:
    """Create those of the topics (name -> partitions) that do not exist, and wait until they are visible.

    `topic_config` holds Kafka's topic properties; default: the broker's. Raises ClusterError.
    """
    with admin_client(client_config) as admin:
        admin.create_topics(partitions, settings=topic_config)


def require_broker(client_config: Mapping[str, str]) -> None:
    """Raise ClusterError unless a broker answers within ANSWER_SECONDS, and all can be reached."""
    with admin_client(client_config) as admin:
        metadata = admin.metadata(ANSWER_SECONDS)
        if metadata is None:
            raise ClusterError(
                f"{client_config['bootstrap.servers']} did not answer as a Kafka broker within "
                f"{ANSWER_SECONDS:g} s{_reason(admin)}"
            )
    require_reachable(metadata, client_config)


def require_reachable(metadata: ClusterMetadata, client_config: Mapping[str, str]) -> None:
    """Raise ClusterError unless each broker of the metadata answers at the address that it advertises."""
    for broker in metadata.brokers.values():
        host = f"[{broker.host}]" if ":" in str(broker.host) else broker.host
        address = f"{host}:{broker.port}"
        with admin_client({**client_config, "bootstrap.servers": address}) as admin:
            answer = admin.metadata(REACH_SECONDS)
            if answer is None:
                raise ClusterError(
                    f"the cluster answers as {address}, which cannot be reached from here: "
                    f"check advertised.listeners{_reason(admin)}"
                )
        if answer.cluster_id != metadata.cluster_id:
            raise ClusterError(
                f"the cluster answers as {address}, where another cluster answers: check advertised.listeners"
            )


def _reason(admin: Admin) -> str:
    """The client's last error in parentheses, to end a sentence; "" if it had none."""
    return f" ({admin.last_error.str()})" if admin.last_error else ""
