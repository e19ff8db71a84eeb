"""Prepares a run's topics and groups; those with fixed names may have been there before, and have users."""

import tempfile
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from fairpoll.cluster.admin import Admin
from fairpoll.cluster.base import Cluster
from fairpoll.cluster.shared import SharedAdmin
from fairpoll.contract.records import Partition
from fairpoll.scenarios.model import Scenario

APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True)
class Prepared:
    """The topics that the run created, by their names on the cluster.

    `begin` has the end of each partition of the other topics before the run, by the cluster's names.
    """

    created: frozenset[str]
    begin: Mapping[Partition, int]


def create_missing(topics: Collection[str], partitions: int, cluster: Cluster) -> frozenset[str]:
    """Create those of these topics that do not exist, each with this number of partitions; return which.

    Their records have the broker's time, which counts from the first record on. Raises ClusterError.
    """
    if not topics:
        return frozenset()
    with tempfile.TemporaryDirectory(prefix="fairpoll-admin-") as folder:
        admin = Admin(cluster.client_config, Path(folder) / "admin.log")
        try:
            metadata = admin.metadata()
        finally:
            admin.close()
    there = {name for name, topic in metadata.topics.items() if not topic.error} if metadata else set()
    missing = dict.fromkeys(set(topics) - there, partitions)
    return frozenset(cluster.create_topics(missing, APPEND_TIME)) if missing else frozenset()


def prepare(
    scenario: Scenario,
    topics: Mapping[str, str],
    groups: Mapping[str, str],
    cluster: Cluster,
    attach: Callable[[SharedAdmin, Set[Partition]], None] | None = None,
) -> Prepared:
    """Create the run's topics, and check and prepare what has a fixed name.

    `topics` and `groups` are the scenario's topics and the consumers, with their names on the cluster. The
    run's own groups begin at the end of topics that existed before; the scenario's `group` only if it asks
    for it. `attach` gets all partitions of the run, and returns when a consumer that runs already owns them.
    Raises ClusterError before anything is created, if a topic that must exist is missing or has
    another number of partitions, or if the scenario's group has members and is not attached to; and if a
    right is missing, as far as the brokers report it.
    """
    partitions = {topics[topic.name]: topic.partitions for topic in scenario.topics}
    if not (scenario.has_fixed_topics or scenario.group or cluster.kind == "external"):
        cluster.create_topics(partitions)
        return Prepared(frozenset(partitions), {})
    existing = {topics[topic.name] for topic in scenario.topics if not topic.create}
    with tempfile.TemporaryDirectory(prefix="fairpoll-admin-") as folder:
        admin = SharedAdmin(cluster.client_config, Path(folder) / "admin.log")
        admin.describes = cluster.kind != "mock"
        try:
            if scenario.group in groups.values() and not attach:
                admin.require_no_members(scenario.group)
            admin.require_topics({name: partitions[name] for name in existing})
            admin.require_rights(
                dict.fromkeys(existing, False), {name: name != scenario.group for name in groups.values()}
            )
            if attach:
                attach(admin, {(name, n) for name, count in partitions.items() for n in range(count)})
            created = cluster.create_topics(
                {name: count for name, count in partitions.items() if name not in existing}
            )
            admin.require_rights({name: name in created for name in partitions.keys() - existing}, {})
            shared = [(name, n) for name, count in partitions.items() for n in range(count)]
            begin = admin.end_offsets([partition for partition in shared if partition[0] not in created])
            for group in groups.values():
                if begin and (group != scenario.group or scenario.reset_group):
                    admin.commit(group, begin)
        finally:
            admin.close()
    return Prepared(frozenset(created), begin)
