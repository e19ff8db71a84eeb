"""Clusters that cannot be reached or used, and the one sentence that reports each."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

import suite_runs
from brokers import LOGIN, SASL
from fairpoll.base.errors import ClusterError
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.connection import admin_client, require_broker, require_reachable
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.cluster import LocalCluster
from fairpoll.evidence import layout

# A broker on this machine answers, or refuses, in milliseconds.
ANSWER_SECONDS = 2.0


def sentence(error: ClusterError, servers: str = "") -> str:
    """The message with {servers} for the address, and without the client's own words in its brackets."""
    return re.sub(r" \(.*\)$", " (...)", str(error).replace(servers or "\0", "{servers}"), flags=re.DOTALL)


def external(servers: str, folder: Path, registry: Registry, **security: str) -> Cluster:
    named = {name.replace("_", "."): value for name, value in security.items()}
    options = ClusterOptions(
        folder / "logs", bootstrap_servers=servers, security=named, answer_seconds=ANSWER_SECONDS
    )
    return open_cluster("external", options, registry, warn=print)


@pytest.mark.parametrize(
    "servers",
    [
        "localhost", "localhost:", ":9092", "localhost:0", "localhost:65536", "localhost:9092:9093",
        "http://localhost:9092", "localhost:9092,", "localhost:9092 localhost:9093", "<b>:1", "::1:9092",
    ],
    ids=lambda servers: servers.replace("::", "two colons "),
)  # fmt: skip
def test_a_malformed_address_is_refused_at_once(
    servers: str, tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion
):
    with pytest.raises(ClusterError) as error:
        external(servers, tmp_path, registry)
    assert str(error.value) == snapshot


@pytest.mark.parametrize(
    "security",
    [{"security_protocol": "PLAIN"}, {"security_protocol": "SASL_SSL", "sasl_mechanism": "NONE"}],
    ids=["protocol", "mechanism"],
)
def test_settings_that_the_client_refuses(
    security: dict[str, str], tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion
):
    with pytest.raises(ClusterError) as error:
        external("127.0.0.1:1", tmp_path, registry, **security)
    assert str(error.value) == snapshot


def test_a_certificate_that_is_not_there(tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion):
    with pytest.raises(ClusterError) as error:
        external("127.0.0.1:1", tmp_path, registry, security_protocol="SSL", ssl_ca_location="/no/such.pem")
    assert str(error.value) == snapshot


def test_nobody_at_the_address(tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion):
    with pytest.raises(ClusterError) as error:
        external("127.0.0.1:1", tmp_path, registry)
    assert sentence(error.value, "127.0.0.1:1") == snapshot
    assert "Connection refused" in str(error.value)


def test_no_such_host(tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion):
    with pytest.raises(ClusterError) as error:
        external("no-such-host.invalid:9092", tmp_path, registry)
    assert sentence(error.value) == snapshot


def test_a_port_that_speaks_http(tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion):
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    servers = f"127.0.0.1:{server.server_port}"
    try:
        with pytest.raises(ClusterError) as error:
            external(servers, tmp_path, registry)
    finally:
        server.shutdown()
        server.server_close()
    assert sentence(error.value, servers) == snapshot


def test_a_topic_that_exists_with_other_partitions_on_the_mock(
    tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion
):
    cluster = open_cluster("mock", ClusterOptions(tmp_path), registry, warn=print)
    try:
        cluster.create_topics({"t": 3})
        with pytest.raises(ClusterError) as error:
            cluster.create_topics({"t": 4})
    finally:
        cluster.stop()
    assert str(error.value) == snapshot


@pytest.fixture(scope="module", params=["no-such-host.invalid:9092", "127.0.0.1:9"], ids=["name", "port"])
def advertised(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The address at which a broker answers, and another, where nobody does, that it advertises."""
    registry = Registry()
    settings = {"advertised.listeners": f"PLAINTEXT://{request.param}"}
    cluster = LocalCluster(
        ClusterOptions(tmp_path_factory.mktemp("broker")), registry, server_properties=settings
    )
    cluster.start()
    yield cluster.client_config["bootstrap.servers"], request.param
    cluster.stop()
    registry.close()


@pytest.mark.local
class TestABrokerOutOfReach:
    def test_the_suites_end_with_one_sentence(self, advertised: tuple[str, str], tmp_path: Path):
        servers, address = advertised
        variables = ("CLUSTER:external", f"BOOTSTRAP_SERVERS:{servers}")
        options = (word for variable in variables for word in ("--variable", variable))
        done = suite_runs.run(tmp_path, *options, "--include", "smoke", str(suite_runs.SUITES))
        assert done.returncode == 2, done.stdout
        verdict = json.loads((tmp_path / layout.VERDICT).read_text())
        reasons = {test["reason"] for test in verdict["not_judged"]}
        assert len(reasons) == 1
        assert f"answers as {address}, which cannot be reached from here: check advertised" in reasons.pop()

    def test_so_does_the_command(self, advertised: tuple[str, str], tmp_path: Path):
        servers, address = advertised
        options = ("--cluster", "external", "--bootstrap-servers", servers, "--output-folder", str(tmp_path))
        command = [sys.executable, "-m", "fairpoll", "test", *options, "true"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 3, done.stderr
        assert done.stderr.count(f"the cluster answers as {address}, which cannot be reached from here") == 1

    def test_so_does_a_part_of_a_run(self, advertised: tuple[str, str]):
        servers, address = advertised
        with pytest.raises(ClusterError, match=f"the cluster answers as {address}, which cannot be reached"):
            require_broker({"bootstrap.servers": servers})


def test_another_cluster_at_the_advertised_address(tmp_path: Path, registry: Registry):
    cluster = open_cluster("mock", ClusterOptions(tmp_path), registry, warn=print)
    try:
        with admin_client(cluster.client_config) as admin:
            metadata = admin.metadata()
        assert metadata
        require_reachable(metadata, cluster.client_config)
        metadata.cluster_id = "another"
        address = cluster.client_config["bootstrap.servers"]
        with pytest.raises(ClusterError, match=f"answers as {address}, where another cluster answers"):
            require_reachable(metadata, cluster.client_config)
    finally:
        cluster.stop()


# A broker that wants a login and knows who may what: `u` everything, `guest` nothing but look.
GUEST = {**LOGIN, "sasl.username": "guest", "sasl.password": "secret-3"}
GUARDED = {
    **SASL,
    "listener.name.plaintext.plain.sasl.jaas.config": (
        SASL["listener.name.plaintext.plain.sasl.jaas.config"].rstrip(";") + ' user_guest="secret-3";'
    ),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:u;User:ANONYMOUS",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    registry = Registry()
    folder = tmp_path_factory.mktemp("broker")
    cluster = LocalCluster(ClusterOptions(folder), registry, server_properties=GUARDED, login=LOGIN)
    cluster.start()
    yield cluster
    cluster.stop()
    registry.close()


@pytest.mark.local
class TestAGuardedBroker:
    @pytest.mark.parametrize(
        "changes",
        [
            {"sasl.password": "secret-2"},
            {"sasl.username": "nobody"},
            {"sasl.mechanism": "SCRAM-SHA-256"},
            {"security.protocol": "SASL_SSL"},
            {"security.protocol": "SSL"},
            {"security.protocol": "PLAINTEXT"},
        ],
        ids=["password", "user", "mechanism", "TLS and login", "TLS", "no login"],
    )
    def test_a_wrong_login(
        self,
        changes: dict[str, str],
        guarded: LocalCluster,
        tmp_path: Path,
        registry: Registry,
        snapshot: SnapshotAssertion,
    ):
        servers = guarded.client_config["bootstrap.servers"]
        with pytest.raises(ClusterError) as error:
            external(servers, tmp_path, registry, **{**LOGIN, **changes})
        assert sentence(error.value, servers) == snapshot
        assert "secret" not in str(error.value)

    def test_topics_that_this_user_may_not_create(
        self, guarded: LocalCluster, tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion
    ):
        cluster = external(guarded.client_config["bootstrap.servers"], tmp_path, registry, **GUEST)
        try:
            with pytest.raises(ClusterError) as error:
                cluster.create_topics({"t": 1})
        finally:
            cluster.stop()
        assert str(error.value) == snapshot

    def test_topics_that_exist_with_other_partitions(
        self, guarded: LocalCluster, tmp_path: Path, registry: Registry, snapshot: SnapshotAssertion
    ):
        guarded.create_topics({"there": 3})
        cluster = external(guarded.client_config["bootstrap.servers"], tmp_path, registry, **LOGIN)
        try:
            with pytest.raises(ClusterError) as error:
                cluster.create_topics({"there": 4})
        finally:
            cluster.stop()
        assert str(error.value) == snapshot
