"""Kafka clusters of several kinds, behind one small protocol."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from fairpoll.base.errors import ClusterError, ClusterUnavailableError
from fairpoll.base.text import quoted
from fairpoll.cluster.base import BrokerFault, Cluster, ClusterOptions, Tell, silent
from fairpoll.cluster.cleanup import clear_leftovers, runs_elsewhere
from fairpoll.cluster.compose import new_compose_cluster
from fairpoll.cluster.external import ExternalCluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.cluster import LocalCluster
from fairpoll.cluster.mock.cluster import MockCluster

__all__ = ["KINDS", "Cluster", "ClusterOptions", "open_cluster"]


# Short enough for the longest topic name of a scenario and the run id behind it: Kafka's limit is 249.
PREFIX = re.compile(r"[A-Za-z0-9._-]{0,25}")


@dataclass(frozen=True)
class Kind:
    """A kind of cluster: for people, what it is and what it needs; `new` makes one, which is not started.

    `new` raises ClusterError if the options do not suffice. `injects` are the faults that it can inject into
    its brokers, if there are three.
    """

    meaning: str
    needs: str
    new: Callable[[ClusterOptions, Registry, Tell, Tell], Cluster]
    injects: tuple[BrokerFault, ...] = ()


# The values of CLUSTER, `--cluster` and `--fairpoll-cluster`; docs/reference/clusters.md is made from it.
KINDS = {
    "local": Kind(
        "Apache Kafka on this machine",
        "Java 17 or later, and Maven once",
        LocalCluster,
        get_args(BrokerFault),
    ),
    "mock": Kind("librdkafka's mock cluster, for librdkafka's clients only", "nothing", MockCluster),
    "compose": Kind(
        "the brokers of docker-compose.yml",
        "Docker with Compose",
        new_compose_cluster,
        ("kill", "stop", "freeze", "isolate"),
    ),
    "external": Kind("a cluster that is running already", "its BOOTSTRAP_SERVERS", ExternalCluster),
}


def open_cluster(
    kind: str, options: ClusterOptions, registry: Registry, *, warn: Tell, progress: Tell = silent
) -> Cluster:
    """Start the cluster of this kind and return it; the registry stops it at the end of the run.

    Without a kind ("") it is local, or mock, with a warning, if no local one can run. What killed runs left
    behind is cleared before. Raises ClusterError.
    """
    if not PREFIX.fullmatch(options.prefix):
        raise ClusterError(
            f"PREFIX: {quoted(options.prefix)} cannot begin the name of a topic; letters, digits, '.', '_' "
            "and '-', at most 25"
        )
    if options.brokers not in (1, 3):
        raise ClusterError(f"a cluster has 1 or 3 brokers, not {options.brokers}")
    for cleared in clear_leftovers():
        warn(f"cleared what a killed run had left behind: {cleared}")
    for sentence in runs_elsewhere():
        warn(sentence)
    if kind:
        if kind not in KINDS:
            raise ClusterError(f"unknown cluster '{kind}'; one of: {', '.join(KINDS)}")
        cluster = KINDS[kind].new(options, registry, warn, progress)
        cluster.prefix = options.prefix
        cluster.start()
        registry.at_end(cluster.stop)
        return cluster
    try:
        return open_cluster("local", options, registry, warn=warn, progress=progress)
    except ClusterUnavailableError as reason:
        warn(f"judged on librdkafka's mock cluster, not on a real broker: {reason}")
        return open_cluster("mock", options, registry, warn=warn, progress=progress)
