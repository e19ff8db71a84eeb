"""Keywords about the cluster: the connection of an external one, and its address for other libraries."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.base.errors import ClusterError
from fairpoll.cluster import ClusterOptions
from fairpoll.keywords.ClusterLibrary import ClusterLibrary
from fairpoll.keywords.session import SESSION


def test_any_client_property_comes_from_the_environment_and_an_argument_has_precedence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    given: list[tuple[str, ClusterOptions]] = []
    monkeypatch.setattr(SESSION, "ensure_cluster", lambda kind, options: given.append((kind, options)))
    monkeypatch.setattr(BuiltIn, "get_variable_value", lambda *_: str(tmp_path))
    for name in ("SSL_CERTIFICATE_LOCATION", "SECURITY_PROTOCOL"):
        monkeypatch.setenv(f"FAIRPOLL_KAFKA_{name}", name.lower())
    ClusterLibrary().ensure_cluster("external", bootstrap_servers="b:9093", security_protocol="SSL")
    ((kind, options),) = given
    assert (kind, options.security) == (
        "external",
        {"ssl.certificate.location": "ssl_certificate_location", "security.protocol": "SSL"},
    )


def test_other_libraries_get_the_brokers_addresses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(SESSION, "cluster", None)
    with pytest.raises(ClusterError, match="no cluster is running"):
        ClusterLibrary().get_bootstrap_servers()
    cluster = SimpleNamespace(client_config={"bootstrap.servers": "127.0.0.1:1,127.0.0.1:2"})
    monkeypatch.setattr(SESSION, "cluster", cluster)
    assert ClusterLibrary().get_bootstrap_servers() == "127.0.0.1:1,127.0.0.1:2"
