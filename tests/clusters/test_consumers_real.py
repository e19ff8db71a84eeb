"""The built-in consumers as processes on librdkafka's mock cluster: poison records, orders, errors."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from fairpoll.base.errors import ConsumerError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.events import Tail
from fairpoll.run.processes import ChildProcess

VALUES = [b'{"id":"a"}', b"poison", b'{"id":"b"}']


@pytest.fixture
def cluster(tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    cluster = open_cluster("mock", ClusterOptions(tmp_path / "logs"), registry, warn=print)
    cluster.create_topics({"t": 1})
    producer = Producer(cluster.client_config)
    for value in VALUES:
        producer.produce("t", value=value, partition=0)
    assert producer.flush(20) == 0
    yield cluster
    cluster.stop()


def start(cluster: Cluster, folder: Path, mode: str, *options: str) -> ChildProcess:
    command = [sys.executable, "-m", "fairpoll", "consume", "--mode", mode, "--group", f"g-{mode}"]
    command += ["--topic", "t=t.json", "--output-folder", str(folder), "--controlled", *options]
    servers = {"FAIRPOLL_BOOTSTRAP_SERVERS": cluster.client_config["bootstrap.servers"]}
    return ChildProcess(mode, command, servers, folder / "events.jsonl", folder / "client.log")


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("policy", ["dead-letter", "skip"])
def test_a_poison_record_is_put_aside_or_reported_and_all_others_go_on(
    cluster: Cluster, tmp_path: Path, mode: str, policy: str
):
    process = start(cluster, tmp_path / "out", mode, "--poison-policy", policy)
    try:
        wait_until(lambda: len(lines(tmp_path / "out" / "t.json")) == 2, 30, "two records")
    finally:
        process.stop()
    assert [line["value"]["id"] for line in lines(tmp_path / "out" / "t.json")] == ["a", "b"]
    letters = lines(tmp_path / "out" / "dead_letters.json")
    assert [letter["value"] for letter in letters] == (["poison"] if policy == "dead-letter" else [])
    events = Tail(tmp_path / "out" / "events.jsonl").read()
    (rejected,) = [event for event in events if event["name"] == "record_rejected"]
    assert (rejected["policy"], rejected["records"][0]["offset"]) == (policy, 1)
    committed = [event["offsets"][0]["offset"] for event in events if event["name"] == "offsets_committed"]
    assert committed[-1] == 3


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_poison_record_stops_the_consumer_where_that_is_the_policy(
    cluster: Cluster, tmp_path: Path, mode: str
):
    process = start(cluster, tmp_path / "out", mode, "--poison-policy", "stop")
    try:
        wait_until(lambda: not process.running, 30, "the consumer to stop")
        with pytest.raises(ConsumerError, match=r"stopped at t/0@1, which is not JSON.*poison_policy: stop"):
            process.check()
    finally:
        process.stop()
    events = Tail(tmp_path / "out" / "events.jsonl").read()
    offsets = [event["offsets"][0]["offset"] for event in events if event["name"] == "offsets_committed"]
    assert max(offsets, default=0) <= 1  # the poison record itself is never committed


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_orders(cluster: Cluster, tmp_path: Path, mode: str):
    process = start(cluster, tmp_path / "out", mode, "--sink-rate", "0.001")
    try:
        wait_until(lambda: len(lines(tmp_path / "out" / "t.json")) == 1, 30, "the first record")
        process.send_command("drain")
        wait_until(lambda: len(lines(tmp_path / "out" / "t.json")) == 2, 30, "the rest")
        process.send_command("stop")
        wait_until(lambda: not process.running, 30, "the consumer to stop")
    finally:
        process.stop()
    names = [event["name"] for event in Tail(tmp_path / "out" / "events.jsonl").read()]
    assert (names[0], names[-1]) == ("startup_complete", "shutdown_complete")


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_sink_that_cannot_write_ends_the_consumer_with_the_reason(
    cluster: Cluster, tmp_path: Path, mode: str
):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "t.json").symlink_to("/dev/full")
    process = start(cluster, tmp_path / "out", mode)
    try:
        wait_until(lambda: not process.running, 30, "the consumer to stop")
        with pytest.raises(ConsumerError, match="No space left on device"):
            process.check()
    finally:
        process.stop()
    events = Tail(tmp_path / "out" / "events.jsonl").read()
    assert not [event for event in events if event["name"] in ("records_consumed", "offsets_committed")]


def test_a_command_that_is_not_there(tmp_path: Path):
    with pytest.raises(ConsumerError, match="mine cannot be started: /no/such: No such file"):
        ChildProcess("mine", ["/no/such"], {}, tmp_path / "events.jsonl", tmp_path / "client.log")
