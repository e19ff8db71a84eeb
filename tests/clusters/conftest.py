"""What tests of clusters share."""

from collections.abc import Iterator

import pytest

from brokers import opened
from fairpoll.cluster import Cluster
from fairpoll.cluster.leftovers import Registry


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A local broker for all tests of a module, unless it has a cluster of its own."""
    with Registry() as registry:
        cluster, _ = opened("local", tmp_path_factory.mktemp("cluster"), registry)
        yield cluster
        cluster.stop()
