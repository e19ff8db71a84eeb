"""A client quota on a real broker: its delays are a doubt by name, and no failure of the consumer."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fairpoll.checkers import judge
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.jars import find_kafka
from fairpoll.contract.subject import Subject
from fairpoll.run.recorder import Recorder

SCENARIO = Path(__file__).parents[1] / "must_fail" / "steady.yaml"
# A little less than the consumer takes, so that the broker holds its answers back for some seconds.
BYTES_PER_SECOND = 8_000


@pytest.fixture
def cluster(tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    cluster = open_cluster("local", ClusterOptions(tmp_path / "logs"), registry, warn=print)
    yield cluster
    cluster.stop()


def set_quota(cluster: Cluster, bytes_per_second: int) -> None:
    """A `consumer_byte_rate` for every client id that has none of its own, by Kafka's own tool."""
    kafka = find_kafka(print)
    servers = cluster.client_config["bootstrap.servers"]
    tool = [str(kafka.java), "-cp", kafka.class_path, "kafka.admin.ConfigCommand"]
    what = ["--alter", "--add-config", f"consumer_byte_rate={bytes_per_second}"]
    whom = ["--bootstrap-server", servers, "--entity-type", "clients", "--entity-default"]
    subprocess.run([*tool, *whom, *what], check=True, timeout=60)


@pytest.mark.slow
@pytest.mark.local
def test_a_quota_is_a_doubt_by_name(cluster: Cluster, tmp_path: Path):
    set_quota(cluster, BYTES_PER_SECOND)
    with Recorder(cluster, tmp_path / "evidence") as recorder:
        recording = recorder.record("quota", SCENARIO, 1.0, [Subject.built_in("async")])
    throttled = recording.consumers["async"].events_named("throttled")
    assert max(event["seconds"] for event in throttled) > 2
    silent = judge("no_stall", recording, "async", seconds=1)
    assert silent.status == "inconclusive"
    assert silent.sentence.startswith("a client quota throttled async for ")
    # Without what the consumer reports, it would be the consumer's.
    history = recording.consumers["async"]
    untold = [event for event in history.events if event["name"] != "throttled"]
    accused = replace(recording, consumers={"async": replace(history, events=untold)})
    assert judge("no_stall", accused, "async", seconds=1).status == "fail"
    # The drain ends when nothing has been delivered for ten seconds.
    late = judge("nothing_lost", recording, "async")
    assert late.status in ("pass", "inconclusive"), late.sentence
