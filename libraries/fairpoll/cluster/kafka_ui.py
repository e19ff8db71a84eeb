"""Compares the answers of Kafka UI's API with the brokers': each function lists the differences as text.

The answers are those of Kafka UI 1.5 (kafbat), by its published contract: a list of clusters, one
topic's details, one consumer group's details. An answer of another shape is a difference too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fairpoll.contract.records import Partition


def cluster_differences(answer: Any, name: str, brokers: int) -> list[str]:
    """Checks the answer to /api/clusters: the cluster must be listed, online, with this many brokers."""
    listed = {str(one.get("name")): one for one in _dicts(answer)}
    if name not in listed:
        return [f"cluster '{name}' is not listed, only: {', '.join(listed) or 'nothing'}"]
    cluster = listed[name]
    differences = _differ("status", cluster.get("status"), "ONLINE")
    if differences and isinstance(error := cluster.get("lastError"), dict):
        differences = [f"{differences[0]}; its last error: {error.get('message')}"]
    return differences + _differ("brokers", cluster.get("brokerCount"), brokers)


def topic_differences(answer: Any, name: str, ends: Sequence[int]) -> list[str]:
    """Checks the answer for one topic: its name, and the end offset of each partition.

    `ends` holds the offset after the last message, by partition.
    """
    topic = answer if isinstance(answer, dict) else {}
    shown = {one.get("partition"): one.get("offsetMax") for one in _dicts(topic.get("partitions"))}
    differences = _differ("name", topic.get("name"), name)
    differences += _differ(f"partitions of {name}", topic.get("partitionCount"), len(ends))
    differences += _differ(f"partitions listed of {name}", sorted(map(str, shown)), _numbers(len(ends)))
    for partition, end in enumerate(ends):
        differences += _differ(f"end of {name}/{partition}", shown.get(partition), end)
    return differences


def group_differences(
    answer: Any, name: str, committed: Mapping[Partition, int], ends: Mapping[Partition, int]
) -> list[str]:
    """Checks the answer for one consumer group: committed offset, end offset and lag of each partition.

    The group's lag as a whole is the sum of the partitions' lags.
    """
    group = answer if isinstance(answer, dict) else {}
    shown = {(one.get("topic"), one.get("partition")): one for one in _dicts(group.get("partitions"))}
    differences = _differ("group", group.get("groupId"), name)
    for (topic, partition), offset in committed.items():
        one, end = shown.pop((topic, partition), {}), ends[(topic, partition)]
        for key, expected in (("currentOffset", offset), ("endOffset", end), ("consumerLag", end - offset)):
            differences += _differ(f"{key} of {topic}/{partition}", one.get(key), expected)
    differences += [
        f"{topic}/{partition} is shown, but nothing is committed of it" for topic, partition in shown
    ]
    lag = sum(ends[partition] - offset for partition, offset in committed.items())
    return differences + _differ("consumerLag of the group", group.get("consumerLag"), lag)


def _differ(what: str, shown: object, expected: object) -> list[str]:
    return [] if shown == expected else [f"{what}: Kafka UI shows {shown}, the brokers report {expected}"]


def _numbers(count: int) -> list[str]:
    return sorted(str(number) for number in range(count))


def _dicts(answer: Any) -> list[dict[str, Any]]:
    return [entry for entry in answer if isinstance(entry, dict)] if isinstance(answer, list) else []
