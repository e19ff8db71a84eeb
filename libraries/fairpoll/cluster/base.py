"""The interface of every cluster. See `fairpoll.cluster.open_cluster` for the choice."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

# A function that shows people a line of text: a warning, or progress.
Tell = Callable[[str], None]


def silent(_text: str) -> None:
    """A Tell that shows nothing."""


@dataclass(frozen=True)
class ClusterOptions:
    """How to bring a cluster up. Folders are created when needed.

    `log_folder` receives broker logs and stays; `security` holds librdkafka client properties
    (such as `security.protocol`, `sasl.password`) and is only used by `external`, which gives a broker
    `answer_seconds` for its first answer. `keep` leaves a compose cluster up at the end. `prefix` is put in
    front of the names of all topics and groups that a run makes; default: nothing for topics, `fairpoll.` for
    groups.
    """

    log_folder: Path
    brokers: int = 1
    bootstrap_servers: str = ""
    security: Mapping[str, str] | None = None
    start_timeout_seconds: float = 90.0
    # Long enough for a login over TLS far away, short enough for a mistyped address.
    answer_seconds: float = 6.0
    keep: bool = False
    prefix: str = ""


# kill: SIGKILL, as a power failure does. stop: the broker hands over its leaderships and exits. freeze:
# SIGSTOP, connections stay open. isolate: drop all traffic between the consumers and the broker.
# drop-responses: pass on their requests only. delay: add this latency, each way.
BrokerFault = Literal["kill", "stop", "freeze", "isolate", "drop-responses", "delay"]


class Faults(Protocol):
    """Faults of one broker, given by its node id. Raises ClusterError.

    `down` are the brokers that were killed or stopped and not started again.
    """

    down: set[int]

    def inject(self, fault: BrokerFault, node: int, seconds: float = 0.0) -> None:
        """Inject a fault that `cluster.KINDS` lists for this kind of cluster; `seconds` is the latency."""

    def heal(self, node: int) -> None:
        """End all faults but kill and stop; does nothing without one."""

    def start(self, node: int) -> None:
        """Start a broker that was killed or stopped, without waiting; does nothing if it is running."""


class Cluster(Protocol):
    """A Kafka cluster, started by us or external. Several experiments may use it at the same time.

    `kind` is its name in `cluster.KINDS`. `description` names the brokers, for people: "Apache Kafka 4.3.1
    (KRaft), 1 broker, Java 17". `client_config` has the properties with which a confluent-kafka client
    connects; `consumer_config` those of the consumers under test, whose network can have faults. `faults` is
    None if faults cannot be injected. `same_clock`: the brokers are processes of this machine. `prefix` is
    that of the options.
    """

    kind: str
    same_clock: bool = False
    faults: Faults | None = None
    prefix: str = ""

    @property
    def description(self) -> str: ...

    @property
    def client_config(self) -> dict[str, str]: ...

    @property
    def consumer_config(self) -> dict[str, str]:
        return self.client_config

    def start(self) -> None:
        """Start the cluster and wait until it answers. Raises ClusterError."""

    def check(self) -> None:
        """Raise ClusterError with the reason if the cluster ended on its own."""

    def stop(self) -> None:
        """Stop everything `start` started and remove its data; logs stay. Safe to call twice."""

    def create_topics(
        self, partitions: Mapping[str, int], settings: Mapping[str, str] | None = None
    ) -> set[str]:
        """Create topics (name -> number of partitions) and wait until clients see them.

        `settings` are topic properties, such as `message.timestamp.type`; the mock has none. Returns the
        names of those that did not exist before. Raises ClusterError, for one, when a topic exists with
        another number of partitions.
        """

    def set_session(self, group: str, session_ms: int) -> bool:
        """Give members of this group that use the consumer protocol (KIP-848) this session timeout.

        In that protocol it is the broker's: a client's own `session.timeout.ms` has no effect. False if the
        cluster does not allow it, as one that is not ours.
        """
        return False

    def delete(self, topics: Collection[str], groups: Collection[str]) -> None:
        """Delete the run's topics and groups on a cluster that outlives the run; a no-op elsewhere."""


def brokers_text(count: int) -> str:
    """`1 broker`, `3 brokers`."""
    return f"{count} broker{'' if count == 1 else 's'}"


def wrong_partitions(topic: str, found: int, wanted: int) -> str:
    """The message for a topic that exists with another number of partitions."""
    return (
        f"topic {topic} exists with {found} partitions, the scenario needs {wanted}; "
        "delete it or choose another name"
    )
