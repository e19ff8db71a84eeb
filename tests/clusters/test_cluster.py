"""Real clusters: librdkafka's mock and Apache Kafka, started, used and stopped; and the ways they fail."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from brokers import LOGIN, SASL, opened, round_trip
from fairpoll.base.errors import ClusterError, ClusterUnavailableError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster import KINDS, ClusterOptions
from fairpoll.cluster.cleanup import clear_leftovers
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.cluster import LocalCluster
from fairpoll.cluster.local.jars import find_kafka
from running import running


@pytest.mark.parametrize("kind", ["mock", pytest.param("local", marks=pytest.mark.local)])
def test_a_cluster_starts_serves_and_leaves_nothing(kind: str, tmp_path: Path, registry: Registry):
    cluster, warnings = opened(kind, tmp_path, registry)
    children = psutil.Process().children()
    try:
        assert warnings == []
        assert cluster.kind == kind
        cluster.create_topics({"high": 3, "low": 1})
        assert round_trip(cluster.client_config, "low", "one") == [b"0", b"1", b"2"]
        assert round_trip(cluster.client_config, "high", "two") == [b"0", b"1", b"2"]
        with pytest.raises(ClusterError, match="topic high exists with 3 partitions"):
            cluster.create_topics({"high": 4})
    finally:
        cluster.stop()
        cluster.stop()
    assert children
    assert running(children) == []


@pytest.mark.local
def test_three_brokers(tmp_path: Path, registry: Registry):
    cluster, _ = opened("local", tmp_path, registry, brokers=3)
    try:
        assert "3 brokers" in cluster.description
        cluster.create_topics({"t": 3})
        assert len(round_trip(cluster.client_config, "t", "g")) == 3
    finally:
        cluster.stop()


@pytest.mark.local
def test_an_external_cluster_is_used_and_left_clean(tmp_path: Path, registry: Registry):
    real, _ = opened("local", tmp_path, registry)
    try:
        servers = real.client_config["bootstrap.servers"]
        cluster, warnings = opened("external", tmp_path, registry, bootstrap_servers=servers)
        cluster.create_topics({"mine": 2})
        round_trip(cluster.client_config, "mine", "my-group")
        cluster.delete(["mine", "never existed"], ["my-group", "never existed"])
        assert warnings == []
        real.create_topics({"mine": 5})  # fails if the two partitions are still there
        cluster.stop()
    finally:
        real.stop()


@pytest.mark.local
def test_a_cluster_that_wants_a_login(tmp_path: Path, registry: Registry):
    real = LocalCluster(ClusterOptions(tmp_path / "broker"), registry, server_properties=SASL, login=LOGIN)
    real.start()
    try:
        servers = real.client_config["bootstrap.servers"]
        cluster, _ = opened("external", tmp_path, registry, bootstrap_servers=servers, security=LOGIN)
        cluster.create_topics({"t": 1})
        assert len(round_trip(cluster.client_config, "t", "g")) == 3
        cluster.stop()
        wrong = {**LOGIN, "sasl.password": "secret-2"}
        with pytest.raises(ClusterError, match="refused the login: check SASL_MECHANISM") as error:
            opened("external", tmp_path, registry, bootstrap_servers=servers, security=wrong)
        assert "secret" not in str(error.value)
    finally:
        real.stop()


class TestWaysToFail:
    """Each with one message that names the cause and the way out."""

    def test_an_unknown_kind(self, tmp_path: Path, registry: Registry):
        with pytest.raises(ClusterError, match=f"unknown cluster 'moon'; one of: {', '.join(KINDS)}"):
            opened("moon", tmp_path, registry)

    def test_an_external_cluster_without_address(self, tmp_path: Path, registry: Registry):
        with pytest.raises(ClusterError, match="--variable BOOTSTRAP_SERVERS:host:9092"):
            opened("external", tmp_path, registry)

    def test_two_brokers(self, tmp_path: Path, registry: Registry):
        with pytest.raises(ClusterError, match="1 or 3 brokers, not 2"):
            opened("local", tmp_path, registry, brokers=2)

    def test_no_java_falls_back_to_mock_with_one_warning(
        self, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("JAVA_HOME", raising=False)
        cluster, warnings = opened("", tmp_path, registry)
        cluster.stop()
        assert cluster.kind == "mock"
        (warning,) = warnings
        assert warning.startswith(
            "judged on librdkafka's mock cluster, not on a real broker: no Java on the PATH"
        )
        assert "apt-get install default-jre-headless" in warning

    def test_local_by_name_does_not_fall_back(
        self, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        with pytest.raises(ClusterUnavailableError, match="no Java in JAVA_HOME"):
            opened("local", tmp_path, registry)

    def test_an_old_java(self, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch):
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
        java.chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        with pytest.raises(ClusterUnavailableError, match="is Java 11, Apache Kafka 4 needs 17 or later"):
            opened("local", tmp_path, registry)

    @pytest.mark.local
    @pytest.mark.parametrize(
        ("jar", "message"),
        [("", "no libs/kafka_2.13"), ("kafka_2.13-3.9.1.jar", "is Apache Kafka 3.9.1; the suites need 4.0")],
    )
    def test_a_kafka_home_that_will_not_do(
        self, jar: str, message: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ):
        (tmp_path / "libs").mkdir()
        if jar:
            (tmp_path / "libs" / jar).touch()
        monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
        with pytest.raises(ClusterUnavailableError, match=message):
            opened("local", tmp_path, registry)

    @pytest.mark.local
    def test_no_maven_and_no_jars(self, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr("shutil.which", lambda name, **_: None if name == "mvn" else f"/usr/bin/{name}")
        with pytest.raises(ClusterUnavailableError, match=r"no Maven .* 'apt-get install maven'"):
            opened("local", tmp_path, registry)

    @pytest.mark.local
    def test_maven_that_resolves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        offline = tmp_path / "bin" / "mvn"
        offline.parent.mkdir()
        offline.write_text(
            f'#!/bin/sh\nexec {shutil.which("mvn")} -o -Dmaven.repo.local={tmp_path}/none "$@"\n'
        )
        offline.chmod(0o755)
        monkeypatch.setenv("PATH", f"{offline.parent}:{os.environ['PATH']}")
        with pytest.raises(ClusterUnavailableError, match=r"Maven could not fetch .* set KAFKA_HOME"):
            find_kafka(lambda _text: None)
        assert not list((tmp_path / "fairpoll").glob("kafka-*/"))


def test_what_a_killed_run_left_behind_is_cleared(tmp_path: Path):
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent("""
                import pathlib, subprocess, sys, time
                from fairpoll.cluster.leftovers import Registry
                child = subprocess.Popen(["sleep", "600"], start_new_session=True)
                folder = pathlib.Path(sys.argv[1]); folder.mkdir()
                registry = Registry(); registry.add_process(child.pid); registry.add_folder(folder)
                print(child.pid, flush=True); time.sleep(600)
            """),
            str(tmp_path / "data"),
        ],
        stdout=subprocess.PIPE,
        env=os.environ,
    )
    assert owner.stdout
    child = psutil.Process(int(owner.stdout.readline()))
    assert clear_leftovers() == []  # its owner lives
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert clear_leftovers() == [f"process {child.pid}", str(tmp_path / "data")]
    wait_until(lambda: not running([child]), 10, "the child to end")
    assert not (tmp_path / "data").exists()
    assert clear_leftovers() == []
