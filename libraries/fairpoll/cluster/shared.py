"""Checks and changes of topics and groups that a run uses and did not create, and of the rights on them."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AclOperation  # type: ignore[attr-defined]

from fairpoll.base.errors import ClusterError
from fairpoll.base.text import count_text
from fairpoll.cluster.admin import REQUEST_SECONDS, Admin, error_of
from fairpoll.contract.records import Partition

RIGHTS = "docs/how-to/use-your-own-cluster.md#rights"
# What a run does with each of its topics, and with each of its groups.
TOPIC_OPERATIONS = (AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE)
GROUP_OPERATIONS = (AclOperation.DESCRIBE, AclOperation.READ)
# On those that it deletes at its end, which are its own.
DELETE = (AclOperation.DELETE,)
# A group's coordinator takes over within this time, on a new cluster too.
COORDINATOR_SECONDS = 20.0
RETRY_SECONDS = 0.2
# Brokers since Apache Kafka 4.0 report a missing group so; earlier ones describe it as dead.
ABSENT = (KafkaError.GROUP_ID_NOT_FOUND,)
# The answer of a cluster that cannot describe topics or groups.
UNSUPPORTED = (KafkaError._UNSUPPORTED_FEATURE,)
COORDINATOR = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}
DENIED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)


class SharedAdmin(Admin):
    """Requests about topics and groups that others use as well.

    `describes` is false for the mock cluster, which describes neither topics nor groups: nobody else uses it,
    and what needs a description is not checked.
    """

    describes = True

    def require_topics(self, partitions: Mapping[str, int]) -> None:
        """Raise ClusterError unless each topic exists with exactly this number of partitions."""
        described = self._described_topics(partitions)
        if described is None:  # by the mock; its metadata has all topics
            metadata = self.metadata()
            described = dict(metadata.topics) if metadata else {}
        for name, wanted in partitions.items():
            topic = described.get(name)
            if topic is None:
                raise ClusterError(
                    f"topic {name} does not exist, and the scenario has `create: no` for it; create it with "
                    f"{wanted} partitions, or leave out `create`"
                )
            if len(topic.partitions) != wanted:
                raise ClusterError(
                    f"topic {name} exists with {len(topic.partitions)} partitions, the scenario has "
                    f"{wanted}; write `partitions` as the topic has them, or name another topic"
                )

    def require_no_members(self, group: str) -> None:
        """Raise ClusterError if the group has members, or may not be described."""
        described = self.group(group)
        if described is not None and (count := len(described.members)):
            raise ClusterError(
                f"group {group} is alive, with {count_text(count, 'member')}; stop it, or give the scenario "
                "another `group`: a run would share the partitions with it. A member that was killed stays "
                "in its group until its session times out"
            )

    def topics(self, topics: Collection[str]) -> dict[str, Any]:
        """The client's descriptions of those of the topics that exist. Raises ClusterError."""
        return self._described_topics(topics) or {}

    def require_rights(self, topics: Mapping[str, bool], groups: Mapping[str, bool]) -> None:
        """Raise ClusterError if this user lacks a right on one of these topics or groups.

        They are names -> whether the run deletes it at its end. Topics that do not exist are not checked.
        """
        for name, topic in self.topics(topics).items():
            needed = TOPIC_OPERATIONS + (DELETE if topics[name] else ())
            _require("topic", name, needed, topic.authorized_operations)
        for name, deletes in groups.items():
            if (group := self.group(name)) is not None:
                needed = GROUP_OPERATIONS + (DELETE if deletes else ())
                _require("group", name, needed, group.authorized_operations)

    def commit(self, group: str, offsets: Mapping[Partition, int]) -> None:
        """Set the committed offsets of a group without members. Raises ClusterError."""
        positions = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
        asked = ConsumerGroupTopicPartitions(group, positions)
        future = self._retried(
            lambda: self._client.alter_consumer_group_offsets([asked], request_timeout=REQUEST_SECONDS)
        )[group]
        if (error := error_of(future)) is not None:
            raise ClusterError(f"the offsets of group {group} could not be set: {_reason(error, 'Read')}")
        for position in future.result().topic_partitions:
            if position.error is not None:
                where = f"{position.topic}/{position.partition}"
                reason = _reason(position.error, "Read")
                raise ClusterError(f"the offset of group {group} at {where} could not be set: {reason}")

    def _described_topics(self, topics: Collection[str]) -> dict[str, Any] | None:
        """Those of the topics that exist; None if the cluster does not describe topics."""
        if not (topics and self.describes):
            return {} if self.describes else None
        futures = self._retried(
            lambda: self._client.describe_topics(
                TopicCollection(sorted(topics)),
                include_authorized_operations=True,
                request_timeout=REQUEST_SECONDS,
            )
        )
        return _existing("topic", futures, (KafkaError.UNKNOWN_TOPIC_OR_PART,))

    def group(self, group: str) -> Any:
        """The client's description of the group; None if it does not exist, or if none are described.

        Raises ClusterError.
        """
        if not self.describes:
            return None
        futures = self._retried(
            lambda: self._client.describe_consumer_groups(
                [group], include_authorized_operations=True, request_timeout=REQUEST_SECONDS
            )
        )
        return (_existing("group", futures, ABSENT) or {}).get(group)

    def _retried(self, ask: Callable[[], Any]) -> Any:
        """The futures by name, asked for again while the coordinator is about to take over."""
        deadline = time.monotonic() + COORDINATOR_SECONDS
        while True:
            futures = ask()
            codes = {error.code() for future in futures.values() if (error := error_of(future))}
            if not codes & COORDINATOR or time.monotonic() > deadline:
                return futures
            time.sleep(RETRY_SECONDS)


def _existing(kind: str, futures: Any, absent: Collection[int]) -> dict[str, Any] | None:
    """The descriptions by name, without those that do not exist; None if the cluster describes none."""
    found = {}
    for name, future in futures.items():
        error = error_of(future)
        if error is None:
            found[name] = future.result()
        elif error.code() in UNSUPPORTED:
            return None
        elif error.code() not in absent:
            raise ClusterError(f"{kind} {name} could not be described: {_reason(error, 'Describe')}")
    return found


def _require(kind: str, name: str, needed: Collection[Any], allowed: Collection[Any] | None) -> None:
    """Raise ClusterError for what is not allowed; `allowed` is None if the broker does not report it."""
    missing = [operation for operation in needed if allowed is not None and operation not in allowed]
    if missing:
        lacks = " and ".join(operation.name.capitalize() for operation in missing)
        raise ClusterError(f"{kind} {name}: this user lacks the right {lacks} on it; see {RIGHTS}")


def _reason(error: KafkaError, operation: str) -> str:
    if error.code() in DENIED:
        return f"this user lacks the right {operation} on it (authorization failed); see {RIGHTS}"
    return str(error.str())
