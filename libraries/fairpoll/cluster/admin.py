"""Requests to a cluster through Kafka's admin client."""

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from fairpoll.base.background import abandon_after
from fairpoll.base.errors import ClusterError, DeadlineError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.base import wrong_partitions

REQUEST_SECONDS = 10.0
PROBE_SECONDS = 1.0
# Number of replicas of a new topic: the broker's own default.
BROKER_DEFAULT = -1
# Metadata spreads to every broker within a few heartbeats; a busy machine may need much longer.
VISIBLE_SECONDS = 30.0
# The client gives up by itself first, with a reason; this margin is for its answer to reach us.
ANSWER_MARGIN_SECONDS = 5.0
# A close takes milliseconds, but may never return if a broker's name cannot be resolved.
CLOSE_SECONDS = 1.0
REBALANCING = (ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING)
# Heartbeat intervals in the consumer protocol: as short as our brokers allow, as long as Kafka's default.
MIN_HEARTBEAT_MS, MOST_HEARTBEAT_MS = 100, 5000
# By default the client retries a starting broker at growing intervals of up to 10 s.
RECONNECT = {"reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "500"}


@dataclass(frozen=True)
class GroupMembers:
    """A consumer group by its coordinator's word: its members' partitions, and whether it uses KIP-848."""

    partitions: Mapping[str, frozenset[tuple[str, int]]]
    consumer_protocol: bool


class Admin:
    """An admin client whose own log goes to a file: without a broker it prints thousands of lines."""

    def __init__(self, client_config: Mapping[str, str], log_file: Path) -> None:
        """Raises ClusterError when the client does not accept the settings."""
        log_file.parent.mkdir(parents=True, exist_ok=True)
        # A Logger of its own, because getLogger would keep it forever.
        self._logger = logging.Logger("fairpoll.admin")
        self._handler = logging.FileHandler(log_file, delay=True)
        self._logger.addHandler(self._handler)
        # Without any handler, the warnings of an abandoned client would go to standard error.
        self._logger.addHandler(logging.NullHandler())
        self.last_error: KafkaError | None = None
        self._client: Any = None
        config: dict[str, Any] = {
            **RECONNECT,
            **client_config,
            "error_cb": self._on_error,
            "client.id": "fairpoll-admin",
        }
        try:
            self._client = AdminClient(config, logger=self._logger)
        except KafkaException as error:
            self.close()
            reason = error.args[0].str()
            raise ClusterError(f"the Kafka client does not accept its settings: {reason}") from None

    def close(self) -> None:
        """Close the client and its log. A client that takes longer than CLOSE_SECONDS is abandoned."""
        clients, self._client = [self._client], None
        abandon_after(CLOSE_SECONDS, clients.clear)  # the last reference to the client
        self._logger.removeHandler(self._handler)
        self._handler.close()

    def metadata(self, timeout_seconds: float = REQUEST_SECONDS) -> ClusterMetadata | None:
        """The cluster's metadata; None if it did not answer in time, for which see `last_error`."""
        self._client.poll(0)
        try:
            metadata: ClusterMetadata = self._client.list_topics(timeout=timeout_seconds)
            return metadata
        except KafkaException as error:
            self._client.poll(0)
            self.last_error = self.last_error or error.args[0]
            return None

    def wait_until_answered(
        self,
        brokers: int,
        cluster_id: str,
        timeout_seconds: float,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Wait until this many brokers of this cluster answer, not another cluster on the same port.

        `check` raises an error that ends the wait. Raises DeadlineError.
        """
        seen = "no answer yet"

        def answered() -> bool:
            nonlocal seen
            check()
            if (metadata := self.metadata(PROBE_SECONDS)) is None:
                return False
            seen = f"{len(metadata.brokers)} brokers of cluster {metadata.cluster_id}"
            return metadata.cluster_id == cluster_id and len(metadata.brokers) == brokers

        what = f"{brokers} brokers of cluster {cluster_id} to answer"
        wait_until(answered, timeout_seconds, what, last_seen=lambda: seen)

    def create_topics(
        self,
        partitions: Mapping[str, int],
        replication_factor: int = BROKER_DEFAULT,
        settings: Mapping[str, str] | None = None,
    ) -> set[str]:
        """Create topics and wait until they are visible with their partitions. Raises ClusterError.

        Returns the names of those that did not exist. `settings` are topic properties, such as
        `message.timestamp.type`; default: the broker's.
        """
        if not partitions:
            return set()  # the client raises ValueError for an empty list
        topics = [
            NewTopic(name, count, replication_factor, config=dict(settings or {}))
            for name, count in partitions.items()
        ]
        created = set()
        for name, future in self._client.create_topics(topics, request_timeout=REQUEST_SECONDS).items():
            if (error := error_of(future)) is None:
                created.add(name)
            elif error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ClusterError(f"topic {name} could not be created: {_reason(error)}")
        seen: dict[str, int] = {}

        def visible() -> bool:
            metadata = self.metadata()
            for name, wanted in partitions.items():
                topic = metadata.topics.get(name) if metadata else None
                seen[name] = len(topic.partitions) if topic else 0
                if seen[name] not in (0, wanted):
                    raise ClusterError(wrong_partitions(name, seen[name], wanted))
                if topic and any(p.leader < 0 for p in topic.partitions.values()):
                    return False
            return seen == dict(partitions)

        try:
            wait_until(
                visible, VISIBLE_SECONDS, f"topics {', '.join(partitions)}", last_seen=lambda: str(seen)
            )
        except DeadlineError as error:
            raise ClusterError(f"Topic not found: {error}") from None
        return created

    def leader(self, topic: str, partition: int) -> int:
        """The node that leads the partition now. Raises ClusterError."""
        metadata = self.metadata()
        found = metadata.topics.get(topic) if metadata else None
        if found is None or partition not in found.partitions or found.partitions[partition].leader < 0:
            raise ClusterError(f"{topic}/{partition} has no leader, as reported by the brokers")
        return int(found.partitions[partition].leader)

    def coordinator(self, group: str) -> int:
        """The node that coordinates the group now. Raises ClusterError."""
        return int(self.described(group).coordinator.id)

    def described(self, group: str) -> Any:
        """The client's ConsumerGroupDescription, by the group's coordinator. Raises ClusterError."""
        asked = self._client.describe_consumer_groups([group], request_timeout=REQUEST_SECONDS)
        return result_of(asked[group], f"group {group}")

    def what_is_missing(self, brokers: int) -> str:
        """A message with the brokers that do not answer and the partitions that lack replicas; "" if none."""
        metadata = self.metadata()
        if metadata is None:
            return "no broker answers"
        if len(metadata.brokers) < brokers:
            return f"{len(metadata.brokers)} of {brokers} brokers answer"
        behind = [
            f"{topic.topic}/{number}"
            for topic in metadata.topics.values()
            for number, partition in topic.partitions.items()
            if len(partition.isrs) < len(partition.replicas) or partition.leader < 0
        ]
        return f"{len(behind)} partitions without all replicas: {', '.join(behind[:5])}" if behind else ""

    def members(self, group: str) -> GroupMembers | None:
        """The group's members now, with their partitions; None during a rebalance. Raises ClusterError."""
        described = self.described(group)
        if described.state in REBALANCING:
            return None
        partitions = {
            member.member_id: frozenset(
                (p.topic, p.partition)
                for p in (member.assignment.topic_partitions if member.assignment else ())
            )
            for member in described.members
        }
        return GroupMembers(partitions, described.type == ConsumerGroupType.CONSUMER)

    def committed_offsets(self, group: str) -> dict[tuple[str, int], int]:
        """The group's committed offsets, by topic and partition. Raises ClusterError."""
        asked = self._client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=REQUEST_SECONDS
        )
        answer = result_of(asked[group], f"the offsets of group {group}")
        return {(p.topic, p.partition): p.offset for p in answer.topic_partitions if p.offset >= 0}

    def end_offsets(self, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offset after the last message of each partition. Raises ClusterError."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(*partition): latest for partition in partitions}
        futures = self._client.list_offsets(asked, request_timeout=REQUEST_SECONDS) if asked else {}
        return {
            (p.topic, p.partition): result_of(future, f"the end of {p.topic}/{p.partition}").offset
            for p, future in futures.items()
        }

    def set_session(self, group: str, session_ms: int) -> bool:
        """Set session timeout and heartbeat interval of the group's members that use the consumer protocol.

        False if the brokers do not take it: they have no group properties, as before Apache Kafka 4.0, or the
        session is below their minimum (45 s by default).
        """
        heartbeat_ms = max(MIN_HEARTBEAT_MS, min(MOST_HEARTBEAT_MS, session_ms // 6))
        values = {"consumer.session.timeout.ms": session_ms, "consumer.heartbeat.interval.ms": heartbeat_ms}
        entries = [
            ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET)
            for name, value in values.items()
        ]
        asked = ConfigResource(ResourceType.GROUP, group, incremental_configs=entries)
        futures = self._client.incremental_alter_configs([asked], request_timeout=REQUEST_SECONDS)
        return error_of(futures[asked]) is None

    def described_topics(self, topics: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
        """The client's TopicDescription of each topic; without those `optional` ones that have an error.

        Raises ClusterError for an error of any other one.
        """
        asked = TopicCollection(sorted(topics))
        futures = self._client.describe_topics(asked, request_timeout=REQUEST_SECONDS) if topics else {}
        return {
            name: result_of(future, f"topic {name}")
            for name, future in futures.items()
            if name not in optional or error_of(future) is None
        }

    def topic_ids(self, topics: Collection[str]) -> dict[bytes, str]:
        """The id of each topic -> its name. Raises ClusterError."""
        ids = {name: described.topic_id for name, described in self.described_topics(topics).items()}
        halves = {
            name: (one.get_most_significant_bits(), one.get_least_significant_bits())
            for name, one in ids.items()
        }
        return {
            b"".join(n.to_bytes(8, "big", signed=True) for n in pair): name for name, pair in halves.items()
        }

    def delete(self, topics: Collection[str], groups: Collection[str]) -> list[str]:
        """Delete topics and groups; missing ones are ignored. Returns those that could not be deleted."""
        left: list[str] = []
        for kind, names, delete, missing in (
            ("group", groups, self._client.delete_consumer_groups, KafkaError.GROUP_ID_NOT_FOUND),
            ("topic", topics, self._client.delete_topics, KafkaError.UNKNOWN_TOPIC_OR_PART),
        ):
            futures = delete(list(names), request_timeout=REQUEST_SECONDS) if names else {}
            for name, future in futures.items():
                error = error_of(future)
                if error is not None and error.code() != missing:
                    left.append(f"{kind} {name}: {_reason(error)}")
        return left

    def _on_error(self, error: KafkaError) -> None:
        # The reason (refused, login) is a separate error beside "0/2 brokers are down".
        if self.last_error is None and error.code() != KafkaError._ALL_BROKERS_DOWN:
            self.last_error = error


def result_of(future: "Future[Any]", what: str) -> Any:
    if (error := error_of(future)) is not None:
        raise ClusterError(f"{what} could not be read: {_reason(error)}")
    return future.result()


def error_of(future: "Future[Any]") -> KafkaError | None:
    try:
        future.result(REQUEST_SECONDS + ANSWER_MARGIN_SECONDS)
    except TimeoutError:
        return KafkaError(KafkaError._TIMED_OUT)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        return reason
    return None


def _reason(error: KafkaError) -> str:
    if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
        return "this user may not do that (authorization failed); ask for Create and Delete on topics"
    return str(error.str())
