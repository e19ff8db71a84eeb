"""The `external` cluster: it is used through its address, and never started or stopped here."""

import time
from collections.abc import Collection, Mapping
from pathlib import Path

from confluent_kafka import KafkaError
from confluent_kafka.admin import ClusterMetadata  # type: ignore[attr-defined]

from fairpoll.base.errors import ClusterError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.admin import PROBE_SECONDS, Admin
from fairpoll.cluster.base import Cluster, ClusterOptions, Tell, brokers_text, silent
from fairpoll.cluster.connection import require_reachable
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.client_config import check_servers

# Longer than a broker takes to be replaced by another as leader, shorter than people wait.
GONE_SECONDS = 20.0


class ExternalCluster(Cluster):
    """A cluster at `bootstrap_servers`; what a run creates on it is deleted at the end of the run."""

    kind = "external"

    def __init__(
        self, options: ClusterOptions, _registry: Registry, warn: Tell = silent, _progress: Tell = silent
    ) -> None:
        if not options.bootstrap_servers:
            raise ClusterError("CLUSTER:external needs an address: --variable BOOTSTRAP_SERVERS:host:9092")
        try:
            check_servers(options.bootstrap_servers)
        except ValueError as error:
            raise ClusterError(f"BOOTSTRAP_SERVERS: {error}") from None
        authorities = (options.security or {}).get("ssl.ca.location", "")
        if authorities and not Path(authorities).exists():  # OpenSSL's message has no file name
            raise ClusterError(f"SSL_CA_LOCATION: {authorities}: there is no such file or folder")
        self._options = options
        self._warn = warn
        self._admin: Admin | None = None
        self._brokers = 0
        self._answered_at = 0.0

    @property
    def description(self) -> str:
        return f"external cluster at {self._options.bootstrap_servers}, {brokers_text(self._brokers)}"

    @property
    def client_config(self) -> dict[str, str]:
        return {**(self._options.security or {}), "bootstrap.servers": self._options.bootstrap_servers}

    def start(self) -> None:
        """Wait until it answers and all its brokers can be reached. Raises ClusterError with the reason."""
        self._admin = admin = Admin(self.client_config, self._options.log_folder / "admin.log")

        def answered() -> ClusterMetadata | None:
            metadata = admin.metadata(PROBE_SECONDS)
            if metadata is None and admin.last_error and admin.last_error.code() in HOPELESS:
                raise ClusterError(self._why(admin.last_error))
            return metadata if metadata and metadata.brokers else None

        try:
            metadata = wait_until(answered, self._options.answer_seconds, "an answer")
            require_reachable(metadata, self.client_config)
            self._brokers, self._answered_at = len(metadata.brokers), time.monotonic()
        except ClusterError:
            self.stop()
            raise
        except Exception as error:
            self.stop()
            raise ClusterError(self._why(admin.last_error)) from error

    def stop(self) -> None:
        """Close the connection; the cluster keeps running."""
        if self._admin:
            self._admin.close()
            self._admin = None

    def check(self) -> None:
        """Raise ClusterError if the cluster has not answered for GONE_SECONDS."""
        if self._connected().metadata(PROBE_SECONDS) is not None:
            self._answered_at = time.monotonic()
        elif time.monotonic() - self._answered_at > GONE_SECONDS:
            raise ClusterError(
                f"{self._options.bootstrap_servers} has not answered for {GONE_SECONDS:g} s; it did before"
            )

    def create_topics(
        self, partitions: Mapping[str, int], settings: Mapping[str, str] | None = None
    ) -> set[str]:
        """Create topics with the cluster's default replication. Raises ClusterError."""
        return self._connected().create_topics(partitions, settings=settings)

    def delete(self, topics: Collection[str], groups: Collection[str]) -> None:
        """Delete the run's topics and groups; warn about what cannot be deleted."""
        if left := self._connected().delete(topics, groups):
            self._warn("left on the cluster, please delete: " + "; ".join(left))

    def _connected(self) -> Admin:
        if self._admin is None:
            raise ClusterError("the external cluster is not connected")
        return self._admin

    def _why(self, error: KafkaError | None) -> str:
        servers = self._options.bootstrap_servers
        reason = f" ({error.str()})" if error else ""
        code = error.code() if error else None
        if code == KafkaError._AUTHENTICATION:
            return (
                f"{servers} refused the login: check SASL_MECHANISM, SASL_USERNAME and SASL_PASSWORD{reason}"
            )
        # A broker without TLS closes the connection, which the client reports as a transport error.
        if code == KafkaError._SSL or "SSL handshake failed" in reason or "SSL_HANDSHAKE" in reason:
            return f"{servers}: TLS failed: check SECURITY_PROTOCOL and SSL_CA_LOCATION{reason}"
        if code == KafkaError._RESOLVE:
            return f"{servers}: no such host: check BOOTSTRAP_SERVERS{reason}"
        return (
            f"{servers} did not answer as a Kafka broker within {self._options.answer_seconds:g} s: "
            f"check BOOTSTRAP_SERVERS, and SECURITY_PROTOCOL if it wants TLS or a login{reason}"
        )


# These errors do not go away by waiting.
HOPELESS = (KafkaError._AUTHENTICATION, KafkaError._SSL)
