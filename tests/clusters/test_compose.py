"""The compose cluster on a real engine: started, used, killed, and nothing of it left."""

import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers import left_of, opened, round_trip
from consumer_protocol import judged_after_a_kill
from fairpoll.base.errors import ClusterError
from fairpoll.cluster import ClusterOptions
from fairpoll.cluster.cleanup import clear_leftovers
from fairpoll.cluster.compose.cluster import ComposeCluster
from fairpoll.cluster.compose.engine import containers_of, engine, remove_project
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.ports import free_ports

pytestmark = pytest.mark.docker


@pytest.fixture
def one_broker(tmp_path: Path, registry: Registry) -> Iterator[ComposeCluster]:
    cluster, _ = opened("compose", tmp_path, registry)
    yield cluster
    cluster.stop()


@pytest.mark.parametrize("brokers", [1, 3])
def test_it_starts_serves_and_leaves_nothing(brokers: int, tmp_path: Path, registry: Registry):
    cluster, warnings = opened("compose", tmp_path, registry, brokers=brokers)
    try:
        assert warnings == []
        kind = "confluentinc/cp-kafka:7" if brokers == 1 else "apache/kafka:4"
        assert cluster.description.startswith(f"Kafka in Docker ({kind}")
        cluster.create_topics({"high": 3, "low": 1})
        assert round_trip(cluster.client_config, "low", "one") == [b"0", b"1", b"2"]
        assert round_trip(cluster.client_config, "high", "two") == [b"0", b"1", b"2"]
        with pytest.raises(ClusterError, match="topic high exists with 3 partitions"):
            cluster.create_topics({"high": 4})
        with engine() as client:
            for container in containers_of(client, cluster.project):
                assert container.exec_run(["id", "-u"]).output.strip() != b"0"
    finally:
        cluster.stop()
        cluster.stop()
    assert left_of(cluster.project) == []
    for service in cluster.services:
        assert (tmp_path / "logs" / f"{service}.log").stat().st_size


def test_the_session_of_the_consumer_protocol_is_set_on_three_brokers(tmp_path: Path, registry: Registry):
    """A killed member is evicted after the scenario's session, and not after the broker's 45 s."""
    cluster, _ = opened("compose", tmp_path, registry, brokers=3)
    try:
        assert cluster.set_session("short", 500)
        assert not cluster.set_session("short", 400)  # below the brokers' minimum
        finding, shown = judged_after_a_kill(cluster, tmp_path)
        assert finding.status == "pass", finding.sentence
        assert "the broker's session timeout" not in shown
        assert float(str(finding.figures["unassigned_seconds"])) < 30
    finally:
        cluster.stop()


def test_a_broker_without_the_consumer_protocol_does_not_take_a_session(one_broker: ComposeCluster):
    started = time.monotonic()
    assert not one_broker.set_session("short", 2000)
    assert time.monotonic() - started < 5


def test_two_side_by_side_and_a_port_that_the_other_holds(
    one_broker: ComposeCluster, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    second, _ = opened("compose", tmp_path / "second", registry)
    try:
        assert second.client_config != one_broker.client_config
        port = second.client_config["bootstrap.servers"].split(":")[1]
        monkeypatch.setenv("FAIRPOLL_BROKER_PORT", port)
        with pytest.raises(ClusterError, match=f"port {port} is taken by container {second.project}"):
            opened("compose", tmp_path / "third", registry)
    finally:
        second.stop()
    assert left_of(second.project) == []
    assert len(left_of(one_broker.project)) >= 2  # what it did not start, it does not stop


def test_a_port_taken_meanwhile_is_chosen_again(
    one_broker: ComposeCluster, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    taken = int(one_broker.client_config["bootstrap.servers"].split(":")[1])
    tried: list[int] = []

    def first_one_taken(count: int) -> list[int]:
        tried.append(0)
        return [taken] if len(tried) == 1 else free_ports(count)

    monkeypatch.setattr("fairpoll.cluster.compose.cluster.free_ports", first_one_taken)
    cluster, _ = opened("compose", tmp_path / "second", registry)
    cluster.stop()
    assert cluster.client_config != one_broker.client_config
    assert left_of(cluster.project) == []


def test_a_broker_that_ends_is_told_with_its_last_words(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    broken = tmp_path / "docker-compose.yml"
    good = (Path(__file__).parents[2] / "docker-compose.yml").read_text("utf-8")
    broken.write_text(good.replace('KAFKA_BROKER_ID: "1"', 'KAFKA_BROKER_ID: "one"'), "utf-8")
    monkeypatch.setattr("fairpoll.cluster.compose.cluster.COMPOSE_FILE", broken)
    cluster = ComposeCluster(ClusterOptions(tmp_path / "logs"), registry)
    with pytest.raises(ClusterError, match=r"kafka (ended|is exited)[\s\S]*broker\.id") as error:
        cluster.start()
    assert "kafka.log" in str(error.value)
    assert left_of(cluster.project) == []


def test_a_service_that_is_never_healthy_is_named(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    broken = tmp_path / "docker-compose.yml"
    good = (Path(__file__).parents[2] / "docker-compose.yml").read_text("utf-8")
    broken.write_text(good.replace("</dev/tcp/127.0.0.1/9092", "</dev/tcp/127.0.0.1/1"), "utf-8")
    monkeypatch.setattr("fairpoll.cluster.compose.cluster.COMPOSE_FILE", broken)
    cluster = ComposeCluster(ClusterOptions(tmp_path / "logs", start_timeout_seconds=12), registry)
    with pytest.raises(ClusterError, match=r"(?s)not healthy within 12 s:\s+kafka is .*its log") as error:
        cluster.start()
    assert "zookeeper is" not in str(error.value)
    assert left_of(cluster.project) == []


def test_an_image_that_cannot_be_pulled(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Port 1 of this machine answers no pull, whether or not a registry can be reached."""
    file = tmp_path / "docker-compose.yml"
    good = (Path(__file__).parents[2] / "docker-compose.yml").read_text("utf-8")
    file.write_text(good.replace("confluentinc/cp-kafka:", "127.0.0.1:1/cp-kafka:"), "utf-8")
    monkeypatch.setattr("fairpoll.cluster.compose.cluster.COMPOSE_FILE", file)
    message = r"image 127\.0\.0\.1:1/cp-kafka:\S+ cannot be pulled: .*(refused|failed).*; check the network"
    with pytest.raises(ClusterError, match=message):
        opened("compose", tmp_path, registry)


def test_keep_leaves_it_up_and_tells_how_to_remove_it(tmp_path: Path):
    registry = Registry()
    cluster, (warning,) = opened("compose", tmp_path, registry, keep=True)
    try:
        cluster.stop()
        registry.close()
        assert clear_leftovers() == []
        servers = cluster.client_config["bootstrap.servers"]
        assert warning.startswith(f"KEEP: stays up at {servers}; remove it with '")
        external, _ = opened("external", tmp_path, registry, bootstrap_servers=servers)
        external.stop()
        assert (tmp_path / "logs" / "kafka.log").stat().st_size
        order = re.findall(r"'(.+)'", warning)[0].split()
        subprocess.run(order, check=True, capture_output=True)
        assert left_of(cluster.project) == []
    finally:
        remove_project(cluster.project)


def test_what_a_killed_run_left_up_is_cleared(tmp_path: Path):
    program = """
        import pathlib, sys, time
        from fairpoll.cluster import ClusterOptions, open_cluster
        from fairpoll.cluster.leftovers import Registry
        cluster = open_cluster("compose", ClusterOptions(pathlib.Path(sys.argv[1])), Registry(), warn=print)
        print(cluster.project, flush=True); time.sleep(600)
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    project = owner.stdout.readline().strip()
    assert clear_leftovers() == []  # its owner lives
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert len(left_of(project)) >= 4
    assert clear_leftovers() == [f"Compose project {project}"]
    assert left_of(project) == []
    assert clear_leftovers() == []
