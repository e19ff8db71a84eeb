"""Keywords that compare the values shown by Kafka UI with those of the brokers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from robot.api import Failure, SkipExecution, logger
from robot.api.deco import keyword, library

from fairpoll.base.errors import ClusterError, ClusterUnavailableError, FairpollError
from fairpoll.cluster.kafka_ui import cluster_differences, group_differences, topic_differences
from fairpoll.keywords.session import SESSION

if TYPE_CHECKING:
    from fairpoll.cluster.compose.cluster import ComposeCluster


@library(scope="GLOBAL", doc_format="MARKDOWN")
class KafkaUiLibrary:
    """Starts Kafka UI and checks the responses of its API, which RequestsLibrary gets.

    Topics and groups are those of the scenario that was run last.
    """

    @keyword(tags=["kafka-ui"])
    def find_kafka_ui(self, address: str = "") -> str:
        """Returns the address of a Kafka UI that watches the cluster; starts one on a compose cluster.

        Args:
            address: the address of a running Kafka UI, such as `http://localhost:8080`; returned unchanged.

        Skips the tests that follow, with the reason, if the cluster has no Kafka UI or its image cannot be
        pulled. Fails if Kafka UI does not become healthy within 90 seconds.

        Example: `${address}=    Find Kafka UI`
        """
        if address:
            return address
        # The kind, not isinstance: importing the class would load the Docker SDK in every run.
        is_compose = SESSION.cluster is not None and SESSION.cluster.kind == "compose"
        cluster = cast("ComposeCluster", SESSION.cluster)
        if not is_compose or len(cluster.brokers) > 1:
            raise SkipExecution(
                "Kafka UI runs beside the one broker of CLUSTER:compose; set KAFKA_UI for another"
            )
        try:
            return cluster.start_ui()
        except ClusterUnavailableError as error:
            logger.warn(f"Kafka UI was not exercised: {error}")
            raise SkipExecution(f"Kafka UI was not exercised: {error}") from None

    @keyword(tags=["kafka-ui"])
    def cluster_should_be_shown_online(self, answer: Any, name: str) -> None:
        """Fails unless the cluster of this name is shown as online, with as many brokers as answer here.

        Args:
            answer: the JSON of /api/clusters.
            name: the cluster's name in Kafka UI.

        Example: `Cluster Should Be Shown Online    ${response.json()}    fairpoll`
        """
        metadata = SESSION.admin().metadata()
        if metadata is None:
            raise ClusterError("the brokers do not answer, so Kafka UI cannot be compared with them")
        _agree(cluster_differences(answer, name, len(metadata.brokers)))

    @keyword(tags=["kafka-ui"])
    def topic_on_the_cluster(self, topic: str) -> str:
        """Returns the name that a topic of the scenario has on the cluster, which carries the run id.

        Fails if the scenario has no such topic.

        Args:
            topic: its name in the scenario.

        Example: `${name}=    Topic On The Cluster    async-test-low-volume`
        """
        return _on_cluster(SESSION.verdict().recording.facts.topics, topic)

    @keyword(tags=["kafka-ui"])
    def group_on_the_cluster(self, mode: str) -> str:
        """Returns the name of this consumer's group on the cluster, which carries the run id.

        Fails if the run has no such consumer.

        Args:
            mode: the consumer, such as `async`.

        Example: `${name}=    Group On The Cluster    async`
        """
        return _on_cluster(SESSION.verdict().recording.facts.groups, SESSION.consumer(mode))

    @keyword(tags=["kafka-ui"])
    def topic_should_be_shown(self, answer: Any, topic: str, partitions: int) -> None:
        """Fails unless the topic is shown with this many partitions and the brokers' end offsets.

        Args:
            answer: the JSON of /api/clusters/.../topics/...
            topic: its name in the scenario.
            partitions: the number of partitions that it must have.

        Example: `Topic Should Be Shown    ${response.json()}    async-test-low-volume    1`
        """
        name = self.topic_on_the_cluster(topic)
        ends = SESSION.admin().end_offsets([(name, partition) for partition in range(partitions)])
        _agree(topic_differences(answer, name, [ends[(name, partition)] for partition in range(partitions)]))

    @keyword(tags=["kafka-ui"])
    def lag_should_be_shown(self, answer: Any, mode: str) -> None:
        """Fails unless the group's committed offsets, end offsets and lag are those of the brokers.

        Args:
            answer: the JSON of /api/clusters/.../consumer-groups/...
            mode: the consumer, such as `async`.

        Example: `Lag Should Be Shown    ${response.json()}    async`
        """
        group, admin = self.group_on_the_cluster(mode), SESSION.admin()
        committed = admin.committed_offsets(group)
        if not committed:
            raise Failure(f"group {group} has committed no offset, so there is no lag to compare")
        _agree(group_differences(answer, group, committed, admin.end_offsets(list(committed))))


def _on_cluster(names: Mapping[str, str], name: str) -> str:
    if name not in names:
        raise FairpollError(f"no '{name}' in this run; it has: {', '.join(names)}")
    return names[name]


def _agree(differences: list[str]) -> None:
    if differences:
        raise Failure("; ".join(differences))
