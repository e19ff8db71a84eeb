"""The Kafka UI suite against answers of the recorded shape: of a UI that agrees with the brokers, and not.

The shapes are those of the published contract of Kafka UI 1.5; where its image can be had, the same
suite runs against the real one with CLUSTER:compose.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from brokers import opened
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.kafka_ui import cluster_differences, group_differences, topic_differences
from fairpoll.cluster.leftovers import Registry
from suite_runs import SUITES, run

ONLINE = {
    "name": "fairpoll",
    "defaultCluster": None,
    "status": "ONLINE",
    "lastError": None,
    "brokerCount": 1,
    "onlinePartitionCount": 8,
    "topicCount": 3,
    "bytesInPerSec": None,
    "bytesOutPerSec": None,
    "readOnly": False,
    "version": "3.9-IV0",
    "features": ["TOPIC_DELETION"],
    "controller": "ZOOKEEPER",
}


def topic_answer(name: str, ends: list[int]) -> dict[str, Any]:
    replicas = [{"broker": 1, "leader": True, "inSync": True}]
    return {
        "name": name,
        "internal": False,
        "partitionCount": len(ends),
        "replicationFactor": 1,
        "replicas": len(ends),
        "inSyncReplicas": len(ends),
        "segmentSize": 0,
        "segmentCount": 0,
        "underReplicatedPartitions": 0,
        "cleanUpPolicy": "DELETE",
        "keySerde": None,
        "valueSerde": None,
        "partitions": [
            {"partition": number, "leader": 1, "replicas": replicas, "offsetMax": end, "offsetMin": 0}
            for number, end in enumerate(ends)
        ],
    }


def group_answer(name: str, offsets: dict[tuple[str, int], tuple[int, int]]) -> dict[str, Any]:
    """`offsets` maps a partition to what is committed of it and to its end."""
    return {
        "groupId": name,
        "members": 0,
        "topics": len({topic for topic, _ in offsets}),
        "simple": False,
        "partitionAssignor": "",
        "state": "EMPTY",
        "coordinator": {"id": 1, "host": "kafka", "port": 29092},
        "consumerLag": sum(end - committed for committed, end in offsets.values()),
        "inherit": "details",
        "partitions": [
            {
                "topic": topic,
                "partition": partition,
                "currentOffset": committed,
                "endOffset": end,
                "consumerLag": end - committed,
                "consumerId": None,
                "host": None,
            }
            for (topic, partition), (committed, end) in offsets.items()
        ],
    }


class Ui(ThreadingHTTPServer):
    """Answers as Kafka UI does, from what the brokers say; `error` is added to every number of theirs."""

    def __init__(self, admin: Admin, error: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.admin, self.error = admin, error

    def answer(self, path: str) -> Any:
        match [unquote(part) for part in path.strip("/").split("/")]:
            case [""]:
                return "<html><head><title>UI</title></head></html>" if not self.error else None
            case ["api", "clusters"]:
                return [{**ONLINE, "brokerCount": 1 + self.error}]
            case ["api", "clusters", "fairpoll", "topics", name]:
                metadata = self.admin.metadata()
                assert metadata is not None
                partitions = [(name, number) for number in sorted(metadata.topics[name].partitions)]
                ends = self.admin.end_offsets(partitions)
                return topic_answer(name, [ends[partition] + self.error for partition in partitions])
            case ["api", "clusters", "fairpoll", "consumer-groups", name]:
                committed = self.admin.committed_offsets(name)
                ends = self.admin.end_offsets(list(committed))
                return group_answer(name, {p: (committed[p], ends[p] + self.error) for p in committed})
        return None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ui = self.server
        assert isinstance(ui, Ui)
        answer = ui.answer(self.path)
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "text/html" if isinstance(answer, str) else "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture(params=[0, 1])
def judged(request: pytest.FixtureRequest, tmp_path: Path, registry: Registry) -> Iterator[tuple[int, Any]]:
    """The suite's run, against a UI that is off by so much."""
    cluster, _ = opened("local", tmp_path, registry)
    admin = Admin(cluster.client_config, tmp_path / "admin.log")
    ui = Ui(admin, request.param)
    threading.Thread(target=ui.serve_forever, daemon=True).start()
    try:
        done = run(
            tmp_path,
            *("--include", "kafka-ui", "--variable", "CLUSTER:external", "--variable", "SPEED:24"),
            *("--variable", f"BOOTSTRAP_SERVERS:{cluster.client_config['bootstrap.servers']}"),
            *("--variable", f"KAFKA_UI:http://127.0.0.1:{ui.server_port}"),
            *("--variable", "KAFKA_UI_PATIENCE:1 second"),
            str(SUITES),
        )
        yield request.param, done
    finally:
        ui.shutdown()
        ui.server_close()
        admin.close()
        cluster.stop()


@pytest.mark.slow
@pytest.mark.local
def test_the_suite_passes_where_the_ui_agrees_and_fails_where_it_does_not(judged: tuple[int, Any]):
    error, done = judged
    if not error:
        assert "6 tests, 6 passed, 0 failed" in done.stdout, done.stdout
        return
    assert "6 tests, 0 passed, 6 failed" in done.stdout, done.stdout
    for sentence in (
        "404",
        "brokers: Kafka UI shows 2, the brokers report 1",
        "end of async-test-low-volume.",
        "consumerLag of async-test-high-volume.",
        "consumerLag of the group: Kafka UI shows 4, the brokers report 0",
    ):
        assert sentence in done.stdout, done.stdout


def test_a_cluster_that_is_not_ours_or_not_online():
    assert cluster_differences([ONLINE], "fairpoll", 1) == []
    assert cluster_differences([ONLINE], "mine", 1) == ["cluster 'mine' is not listed, only: fairpoll"]
    assert cluster_differences({"code": 4000}, "mine", 1) == ["cluster 'mine' is not listed, only: nothing"]
    offline = {**ONLINE, "status": "OFFLINE", "lastError": {"message": "Timed out"}}
    assert cluster_differences([offline], "fairpoll", 1) == [
        "status: Kafka UI shows OFFLINE, the brokers report ONLINE; its last error: Timed out"
    ]


def test_a_topic_with_other_partitions_or_ends():
    assert topic_differences(topic_answer("t", [3, 4]), "t", [3, 4]) == []
    assert topic_differences(topic_answer("t", [3]), "t", [3, 4]) == [
        "partitions of t: Kafka UI shows 1, the brokers report 2",
        "partitions listed of t: Kafka UI shows ['0'], the brokers report ['0', '1']",
        "end of t/1: Kafka UI shows None, the brokers report 4",
    ]
    assert topic_differences(topic_answer("t", [3]), "t", [2]) == [
        "end of t/0: Kafka UI shows 3, the brokers report 2"
    ]
    assert "name: Kafka UI shows None, the brokers report t" in topic_differences([], "t", [])


def test_a_group_with_another_lag_or_other_partitions():
    answer = group_answer("g", {("t", 0): (2, 5), ("u", 0): (7, 7)})
    committed, ends = {("t", 0): 2, ("u", 0): 7}, {("t", 0): 5, ("u", 0): 7}
    assert group_differences(answer, "g", committed, ends) == []
    assert group_differences(answer, "g", {("t", 0): 3}, ends) == [
        "currentOffset of t/0: Kafka UI shows 2, the brokers report 3",
        "consumerLag of t/0: Kafka UI shows 3, the brokers report 2",
        "u/0 is shown, but nothing is committed of it",
        "consumerLag of the group: Kafka UI shows 3, the brokers report 2",
    ]
    answer["consumerLag"] = None
    assert group_differences(answer, "g", committed, ends) == [
        "consumerLag of the group: Kafka UI shows None, the brokers report 3"
    ]
