"""`fairpoll check` prints what a run would find, and creates nothing."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from test_attached import ALERTS, GROUP, INVOICES, ORDERS, SCENARIO, consume, deployed_consumer

from brokers import opened
from fairpoll.cluster import Cluster
from fairpoll.cluster.leftovers import Registry

FAIRPOLL = str(Path(sys.executable).with_name("fairpoll"))
PROGRAM = f"{sys.executable} -c pass"
MOST_SECONDS = 12.0  # ten, and the start of Python on a busy machine


def check(*options: str) -> tuple[int, dict]:
    begun = time.monotonic()
    done = subprocess.run(
        [FAIRPOLL, "check", "--json", *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout, done.stderr
    assert time.monotonic() - begun < MOST_SECONDS
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["can_begin"] else 3)
    return done.returncode, report


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Registry() as registry:
        cluster, _ = opened("local", tmp_path_factory.mktemp("broker"), registry)
        yield cluster.client_config["bootstrap.servers"]
        cluster.stop()


@pytest.fixture
def cluster(servers: str, tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    cluster, _ = opened("external", tmp_path, registry, bootstrap_servers=servers)
    cluster.create_topics({ORDERS: 2, ALERTS: 1, INVOICES: 1})
    yield cluster
    cluster.delete([ORDERS, ALERTS, INVOICES], [GROUP])
    cluster.stop()


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    (tmp_path / "deployed.yaml").write_text(SCENARIO, "utf-8")
    return str(tmp_path / "deployed.yaml")


def test_without_brokers_the_program_and_its_evidence_are_checked(tmp_path: Path):
    code, report = check("--cluster", "mock", PROGRAM)
    assert (code, report["obstacles"]) == (0, [])
    assert {topic["state"] for topic in report["topics"]} == {"will be made"}
    assert "oldest_wait_at_most" in report["criteria"]["judged"]
    assert "nothing_lost" in report["criteria"]["if_shown"]["with events or output files"]
    code, report = check("--cluster", "mock", str(tmp_path / "missing"))
    assert code == 3
    assert "cannot be started" in report["obstacles"][0]


def test_a_query_shows_its_columns_or_what_it_lacks(tmp_path: Path):
    with sqlite3.connect(tmp_path / "o.db") as database:
        database.execute("CREATE TABLE orders (id TEXT, written REAL)")
    sql = ("--cluster", "mock", "--evidence", f"sql:sqlite:///{tmp_path / 'o.db'}", "--query")
    code, report = check(*sql, "SELECT id, written AS time FROM orders", PROGRAM)
    assert code == 0
    assert report["evidence"] == ["database: the query works; its columns: id, time"]
    assert "clock_honest" in str(report["criteria"]["not_judged"])
    code, report = check(*sql, "SELECT written FROM orders", PROGRAM)
    assert code == 3
    assert "its columns are 'written', without 'id'" in report["obstacles"][0]


def test_a_port_that_is_taken_is_an_obstacle():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, report = check("--cluster", "mock", "--evidence", f"http:{port}", PROGRAM)
    assert code == 3
    assert f"port {port} cannot be served" in report["obstacles"][0]


def test_a_server_that_accepts_and_never_answers_is_named_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        code, report = check("--bootstrap-servers", address, PROGRAM)
    assert code == 3
    assert f"{address} did not answer as a Kafka broker" in report["obstacles"][0]


@pytest.mark.local
def test_an_attached_consumer_is_seen_with_its_group_and_nothing_is_created(
    cluster: Cluster, servers: str, tmp_path: Path, scenario: str
):
    options = ("--attach", "yes", "--bootstrap-servers", servers, "--scenario", scenario)
    code, report = check(*options, "--evidence", f"topic:{INVOICES}")
    assert code == 3
    (obstacle,) = report["obstacles"]
    assert obstacle == (
        f"ATTACH: group {GROUP} has no members; start the consumer in this group before the run"
    )
    with deployed_consumer(servers, tmp_path, *consume("sync")):
        deadline = time.monotonic() + 30
        while code and time.monotonic() < deadline:
            code, report = check(*options, "--evidence", f"topic:{INVOICES}")
    assert (code, report["obstacles"]) == (0, [])
    assert report["group"] == {"name": GROUP, "state": "stable", "type": "classic", "members": 1}
    assert [(t["on_cluster"], t["state"], t["partitions"]) for t in report["topics"]] == [
        (ORDERS, "exists", 2),
        (ALERTS, "exists", 1),
    ]
    assert report["evidence"] == [f"topic {INVOICES}: can be read"]
    assert "nothing_lost" in report["criteria"]["judged"]
    assert "stays_alive" in str(report["criteria"]["not_judged"])
    topics = AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).topics
    assert {name for name in topics if not name.startswith("__")} == {ORDERS, ALERTS, INVOICES}


@pytest.mark.local
def test_each_obstacle_on_a_cluster_has_its_sentence(
    cluster: Cluster, servers: str, tmp_path: Path, scenario: str
):
    text = (
        Path(scenario)
        .read_text("utf-8")
        .replace(ALERTS, "prod.missing")
        .replace("partitions: 2", "partitions: 3")
    )
    Path(scenario).write_text(text, "utf-8")
    code, report = check(
        *("--bootstrap-servers", servers, "--scenario", scenario, "--evidence", "topic:prod.nothing", PROGRAM)
    )
    assert code == 3
    sentences = "\n".join(report["obstacles"])
    assert f"topic {ORDERS} exists with 2 partitions, the scenario has 3" in sentences
    assert "topic prod.missing does not exist" in sentences
    assert "topic prod.nothing cannot be read" in sentences
    done = subprocess.run(
        [FAIRPOLL, "check", "--bootstrap-servers", servers, PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stdout
    assert "result      a run can begin" in done.stdout
