"""The reader of `__consumer_offsets` on a real broker, and its fallback on the mock."""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from brokers import opened
from consumer_protocol import judged_after_a_kill
from fairpoll.base.errors import FairpollError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.base import Cluster, ClusterOptions
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.cluster import LocalCluster
from fairpoll.contract.events import EventWriter
from fairpoll.contract.subject import Subject
from fairpoll.evidence.reading.strict import read_samples
from fairpoll.run.offsets_log import OffsetsLog
from fairpoll.run.recorder import Recorder
from fairpoll.run.sampler import Sampler
from fairpoll.scenarios.packaged import find_scenario

TOPIC = "observed"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    registry = Registry()
    cluster, _ = opened("local", tmp_path_factory.mktemp("broker"), registry)
    try:
        cluster.create_topics({TOPIC: 2})
        yield cluster
    finally:
        registry.close()


def member(cluster: Cluster, group: str, **properties: object) -> Consumer:
    """A member that has been assigned both partitions."""
    client = Consumer({**cluster.client_config, "group.id": group, "enable.auto.commit": False, **properties})
    client.subscribe([TOPIC])
    wait_until(lambda: client.poll(0.1) or len(client.assignment()) == 2, 30, "an assignment")
    return client


def commit(client: Consumer, offset: int) -> None:
    client.commit(offsets=[TopicPartition(TOPIC, 0, offset)], asynchronous=False)


def observed(samples: Path, name: str) -> list[dict]:
    return [event for event in read_samples(samples) if event["name"] == name]


def sampler(path: Path, cluster: Cluster, group: str) -> Sampler:
    config = cluster.client_config
    return Sampler(path, config, {"c": group}, {TOPIC: 2}, same_clock=cluster.same_clock)


@pytest.mark.local
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_every_commit_and_every_member_is_read_from_the_log(broker: Cluster, protocol: str, tmp_path: Path):
    path = tmp_path / "samples.jsonl"
    with sampler(path, broker, f"seen-{protocol}"):
        client = member(broker, f"seen-{protocol}", **{"group.protocol": protocol})
        stranger = member(broker, f"stranger-{protocol}")
        # Faster than any sampling, and backwards at last.
        for offset in (*range(1, 20), 5):
            commit(client, offset)
        commit(stranger, 77)
        client.close()
        stranger.close()
    commits = [event for event in observed(path, "committed_offsets") if event.get("log")]
    offsets = [(o["topic"], o["partition"], o["offset"]) for event in commits for o in event["offsets"]]
    assert offsets == [(TOPIC, 0, offset) for offset in (*range(1, 20), 5)]
    members = [
        (len(event["members"]), {(p["topic"], p["partition"]) for p in event["partitions"]})
        for event in observed(path, "group_members")
    ]
    assert (1, {(TOPIC, 0), (TOPIC, 1)}) in members
    assert members[-1] == (0, set())
    (summary,) = observed(path, "offsets_log")
    assert (summary["problem"], summary["exact"]) == ("", True)
    final = [event["offsets"] for event in observed(path, "committed_offsets") if event["final"]]
    assert final == [[{"topic": TOPIC, "partition": 0, "offset": 5}]]


@pytest.mark.local
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_coordinator_that_is_asked_states_members_and_protocol(
    broker: Cluster, protocol: str, tmp_path: Path
):
    path, group = tmp_path / "samples.jsonl", f"asked-{protocol}"
    client = member(broker, group, **{"group.protocol": protocol})
    with path.open("w", encoding="utf-8") as file:
        log = OffsetsLog(
            EventWriter(file),
            broker.client_config,
            {"c": group},
            [TOPIC],
            tmp_path / "log",
            same_clock=True,
        )
        log.describe("c")
        log.describe("c")  # without a change nothing is written
        log.finish()
    client.close()
    (event,) = observed(path, "group_members")
    assert (len(event["members"]), len(event["partitions"]), event["kind"]) == (1, 2, protocol)


@pytest.mark.local
def test_commits_before_the_run_are_not_read(broker: Cluster, tmp_path: Path):
    client = member(broker, "earlier")
    commit(client, 3)
    path = tmp_path / "samples.jsonl"
    with sampler(path, broker, "earlier"):
        commit(client, 4)
        client.close()
    logged = [event for event in observed(path, "committed_offsets") if event.get("log")]
    assert [o["offset"] for event in logged for o in event["offsets"]] == [4]


def test_the_mock_is_sampled(tmp_path: Path, registry: Registry):
    cluster, _ = opened("mock", tmp_path, registry)
    path = tmp_path / "samples.jsonl"
    try:
        cluster.create_topics({TOPIC: 2})
        with sampler(path, cluster, "g"):
            client = Consumer({**cluster.client_config, "group.id": "g"})
            commit(client, 7)
            wait_until(lambda: '"offset":7' in path.read_text("utf-8"), 10, "a sample")
            client.close()
    finally:
        cluster.stop()
    events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    (summary,) = (event for event in events if event["name"] == "offsets_log")
    assert (summary["problem"], summary["exact"]) == ("the cluster shows no __consumer_offsets", False)


SHARE_MEMBER = """
import os
from confluent_kafka import ShareConsumer
servers, group = os.environ["FAIRPOLL_BOOTSTRAP_SERVERS"], os.environ["FAIRPOLL_GROUP"]
consumer = ShareConsumer({"bootstrap.servers": servers, "group.id": group})
consumer.subscribe([pair.partition("=")[0] for pair in os.environ["FAIRPOLL_TOPICS"].split()])
while True:
    consumer.poll(1)
"""
OWN_GROUP = SHARE_MEMBER.replace("ShareConsumer", "Consumer").replace(
    'os.environ["FAIRPOLL_GROUP"]', '"mine"'
)


def refused(broker: Cluster, tmp_path: Path, program: str, ready_seconds: float) -> str:
    """What is reported of a consumer that is waited for this long."""
    subject = Subject("mine", (sys.executable, "-c", program))
    with Recorder(broker, tmp_path / "runs") as recorder:
        experiment = recorder.prepare("refused", find_scenario("specified.yaml"), 10.0, [subject])
        experiment.ready_seconds = ready_seconds
        with pytest.raises(FairpollError) as reason:
            experiment.run()
    return str(reason.value)


@pytest.mark.local
def test_a_share_group_is_named_at_once(broker: Cluster, tmp_path: Path):
    started = time.monotonic()
    reason = refused(broker, tmp_path, SHARE_MEMBER, 60.0)
    assert "which is not a consumer group but a share group" in reason
    assert time.monotonic() - started < 45


@pytest.mark.local
def test_a_group_that_nobody_joins_is_named(broker: Cluster, tmp_path: Path):
    reason = refused(broker, tmp_path, OWN_GROUP, 6.0)
    assert re.search(r"mine has 0, 0 events printed \(nobody joined group \S+\.mine\)", reason)


@pytest.mark.local
def test_a_client_whose_group_protocol_the_broker_does_not_have_is_named(tmp_path: Path, registry: Registry):
    classic = {"group.coordinator.rebalance.protocols": "classic"}
    cluster = LocalCluster(ClusterOptions(tmp_path / "log"), registry, server_properties=classic)
    cluster.start()
    protocol = '"group.protocol": "consumer", "group.id": group'
    program = SHARE_MEMBER.replace("ShareConsumer", "Consumer").replace('"group.id": group', protocol)
    try:
        reason = refused(cluster, tmp_path, program, 6.0)
    finally:
        cluster.stop()
    assert re.search(
        r"mine has 0, 0 events printed \(nobody joined group \S+\.mine; its log ends with: %0", reason
    )
    assert "its client uses group.protocol=consumer, which a broker before Apache Kafka 4.0" in reason


@pytest.mark.local
def test_the_session_of_the_consumer_protocol_is_set_where_the_broker_allows_it(broker: Cluster):
    assert broker.set_session("crashes", 2000)
    assert not broker.set_session("crashes", 400)  # below the broker's minimum


def test_a_cluster_that_is_not_ours_keeps_its_session(tmp_path: Path, registry: Registry):
    cluster, _ = opened("mock", tmp_path, registry)
    assert not cluster.set_session("g", 2000)


@pytest.mark.local
@pytest.mark.slow
@pytest.mark.parametrize("set_session", [True, False])
def test_a_killed_member_of_the_consumer_protocol_is_waited_for(
    set_session: bool, broker: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its partitions come free when its session ends: 2 s where that can be set, else the broker's 45 s."""
    if not set_session:
        monkeypatch.setattr(broker, "set_session", lambda _group, _ms: False)
    again, shown = judged_after_a_kill(broker, tmp_path)
    assert again.status == "pass", again.sentence
    assert ("the broker's session timeout" in shown) != set_session
    # The sentence states the time that is allowed for.
    assert (int(again.figures["unassigned_seconds"]) > 30) != set_session


def test_the_client_of_the_log_is_closed_when_no_sample_asks_it_any_more(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    cluster, _ = opened("mock", tmp_path, registry)
    running: list[list[str]] = []
    finish = OffsetsLog.finish

    def finish_and_note(log: OffsetsLog) -> None:
        running.append([thread.name for thread in threading.enumerate()])
        finish(log)

    monkeypatch.setattr(OffsetsLog, "finish", finish_and_note)
    with sampler(tmp_path / "samples.jsonl", cluster, "g"):
        pass
    (names,) = running
    assert "sampler" not in names
    assert "offsets log" not in names
