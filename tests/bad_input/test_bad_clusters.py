"""Clusters that cannot be reached or used, and the one sentence that is told of each."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from brokers import LOGIN, SASL
from fairpoll.base.errors import ClusterError
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.cluster import LocalCluster

NO_ANSWER = (
    "{} did not answer as a Kafka broker within 6 s: check BOOTSTRAP_SERVERS, and SECURITY_PROTOCOL if it "
    "wants TLS or a login"
)


def external(servers: str, folder: Path, registry: Registry, **security: str) -> Cluster:
    named = {name.replace("_", "."): value for name, value in security.items()}
    options = ClusterOptions(folder / "logs", bootstrap_servers=servers, security=named)
    return open_cluster("external", options, registry, warn=print)


@pytest.mark.parametrize(
    "servers",
    [
        "localhost", "localhost:", ":9092", "localhost:0", "localhost:65536", "localhost:9092:9093",
        "http://localhost:9092", "localhost:9092,", "localhost:9092 localhost:9093", "<b>:1", "::1:9092",
    ],
)  # fmt: skip
def test_a_malformed_address_is_refused_at_once(servers: str, tmp_path: Path, registry: Registry):
    with pytest.raises(ClusterError) as error:
        external(servers, tmp_path, registry)
    wrong = servers.rsplit(",", maxsplit=1)[-1]
    assert str(error.value) == (
        f"BOOTSTRAP_SERVERS: '{wrong}' is no broker's address; write host:port, several with a comma between"
    )


@pytest.mark.parametrize(
    ("security", "told"),
    [
        (
            {"security_protocol": "PLAIN"},
            'Invalid value "PLAIN" for configuration property "security.protocol"',
        ),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "NONE"}, "Unsupported SASL mechanism: NONE"),
    ],
    ids=["protocol", "mechanism"],
)
def test_settings_that_the_client_refuses(
    security: dict[str, str], told: str, tmp_path: Path, registry: Registry
):
    with pytest.raises(ClusterError, match="the Kafka client does not accept its settings: ") as error:
        external("127.0.0.1:1", tmp_path, registry, **security)
    assert told in str(error.value)


def test_a_certificate_that_is_not_there(tmp_path: Path, registry: Registry):
    with pytest.raises(ClusterError) as error:
        external("127.0.0.1:1", tmp_path, registry, security_protocol="SSL", ssl_ca_location="/no/such.pem")
    assert str(error.value) == "SSL_CA_LOCATION: /no/such.pem: there is no such file or folder"


def test_nobody_at_the_address(tmp_path: Path, registry: Registry):
    with pytest.raises(ClusterError) as error:
        external("127.0.0.1:1", tmp_path, registry)
    assert str(error.value).startswith(NO_ANSWER.format("127.0.0.1:1") + " (")
    assert "Connection refused" in str(error.value)


def test_no_such_host(tmp_path: Path, registry: Registry):
    with pytest.raises(ClusterError, match=r"^no-such-host\.invalid:9092: no such host: check BOOT"):
        external("no-such-host.invalid:9092", tmp_path, registry)


def test_a_port_that_speaks_http(tmp_path: Path, registry: Registry):
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    servers = f"127.0.0.1:{server.server_port}"
    try:
        with pytest.raises(ClusterError) as error:
            external(servers, tmp_path, registry)
    finally:
        server.shutdown()
        server.server_close()
    assert str(error.value).startswith(NO_ANSWER.format(servers))


def test_a_topic_that_exists_with_other_partitions_on_the_mock(tmp_path: Path, registry: Registry):
    cluster = open_cluster("mock", ClusterOptions(tmp_path), registry, warn=print)
    try:
        cluster.create_topics({"t": 3})
        with pytest.raises(ClusterError) as error:
            cluster.create_topics({"t": 4})
    finally:
        cluster.stop()
    assert str(error.value) == (
        "topic t exists with 3 partitions, the scenario needs 4; delete it or choose another name"
    )


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
        ("changes", "told"),
        [
            (
                {"sasl.password": "secret-2"},
                "{} refused the login: check SASL_MECHANISM, SASL_USERNAME and SASL_PASSWORD (",
            ),
            (
                {"sasl.username": "nobody"},
                "{} refused the login: check SASL_MECHANISM, SASL_USERNAME and SASL_PASSWORD (",
            ),
            (
                {"sasl.mechanism": "SCRAM-SHA-256"},
                "{} refused the login: check SASL_MECHANISM, SASL_USERNAME and SASL_PASSWORD (",
            ),
            (
                {"security.protocol": "SASL_SSL"},
                "{}: TLS failed: check SECURITY_PROTOCOL and SSL_CA_LOCATION (",
            ),
            ({"security.protocol": "SSL"}, "{}: TLS failed: check SECURITY_PROTOCOL and SSL_CA_LOCATION ("),
            ({"security.protocol": "PLAINTEXT"}, NO_ANSWER),
        ],
        ids=["password", "user", "mechanism", "TLS and login", "TLS", "no login"],
    )
    def test_a_wrong_login(
        self, changes: dict[str, str], told: str, guarded: LocalCluster, tmp_path: Path, registry: Registry
    ):
        servers = guarded.client_config["bootstrap.servers"]
        with pytest.raises(ClusterError) as error:
            external(servers, tmp_path, registry, **{**LOGIN, **changes})
        assert str(error.value).startswith(told.format(servers))
        assert "secret" not in str(error.value)

    def test_topics_that_this_user_may_not_create(
        self, guarded: LocalCluster, tmp_path: Path, registry: Registry
    ):
        cluster = external(guarded.client_config["bootstrap.servers"], tmp_path, registry, **GUEST)
        try:
            with pytest.raises(ClusterError) as error:
                cluster.create_topics({"t": 1})
        finally:
            cluster.stop()
        assert str(error.value) == (
            "topic t could not be created: this user may not do that (authorization failed); ask for Create "
            "and Delete on topics"
        )

    def test_topics_that_exist_with_other_partitions(
        self, guarded: LocalCluster, tmp_path: Path, registry: Registry
    ):
        guarded.create_topics({"there": 3})
        cluster = external(guarded.client_config["bootstrap.servers"], tmp_path, registry, **LOGIN)
        try:
            with pytest.raises(ClusterError) as error:
                cluster.create_topics({"there": 4})
        finally:
            cluster.stop()
        assert str(error.value) == (
            "topic there exists with 3 partitions, the scenario needs 4; delete it or choose another name"
        )
