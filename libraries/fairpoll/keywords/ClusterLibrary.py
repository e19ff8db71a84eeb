"""Keywords that start a Kafka cluster and identify it."""

import os
from typing import Literal

from robot import result, running
from robot.api import SkipExecution, logger
from robot.api.deco import keyword, library
from robot.api.types import Secret

from fairpoll.base.errors import ClusterError
from fairpoll.cluster import ClusterOptions
from fairpoll.contract import client_config
from fairpoll.keywords.session import NO_CLUSTER, SESSION
from fairpoll.reports.tables import html_table


@library(scope="GLOBAL", doc_format="MARKDOWN", listener="SELF")
class ClusterLibrary:
    """Starts the Kafka cluster that the suites run on, and stops it at the end of the run.

    There is one cluster in a Robot run. It is started by the first `Ensure Cluster` and stopped when
    Robot ends, also after Ctrl-C.
    """

    @keyword(tags=["cluster"])
    def ensure_cluster(  # noqa: PLR0913 - an argument an option
        self,
        kind: str = "",
        *,
        brokers: int | None = None,
        keep: Literal["yes", "no"] = "no",
        bootstrap_servers: str = "",
        security_protocol: str = "",
        sasl_mechanism: str = "",
        sasl_username: str = "",
        sasl_password: Secret | str = "",
        ssl_ca_location: str = "",
        prefix: str = "",
    ) -> None:
        """Starts the cluster, unless it is running already, and waits until it answers.

        Args:
            kind: a kind of cluster in docs/reference/clusters.md, such as `local`. Not given: local, or
                mock, with a warning, if there is no Java or no way to get Kafka's jars.
            brokers: how many brokers, 1 or 3; default 1. An external cluster has its own number.
            keep: `yes` leaves a compose cluster running at the end, and prints its address.
            bootstrap_servers: `host:port[,...]` of an external cluster.
            security_protocol: for an external cluster, such as `SASL_SSL`.
            sasl_mechanism: such as `SCRAM-SHA-512`.
            sasl_username: the user name.
            sasl_password: the password, as a Secret from an environment variable.
            ssl_ca_location: a file with the certificates to trust.
            prefix: what the names of all topics and groups that a run makes begin with, such as `team-a.`;
                default: nothing for topics, `fairpoll.` for groups. Fixed names stay as they are.

        Any other property of an external cluster's clients is taken from an environment variable, such as
        `ssl.certificate.location` from `FAIRPOLL_KAFKA_SSL_CERTIFICATE_LOCATION`, or from the file of
        `name=value` lines that `FAIRPOLL_PROPERTIES_FILE` names.

        Fails if the cluster does not answer within 90 seconds, or cannot run here; the message has the
        reason and what to do about it.

        Example: `Ensure Cluster    local    brokers=3`
        """
        password = sasl_password.value if isinstance(sasl_password, Secret) else sasl_password
        security = {
            "security.protocol": security_protocol,
            "sasl.mechanism": sasl_mechanism,
            "sasl.username": sasl_username,
            "sasl.password": password,
            "ssl.ca.location": ssl_ca_location,
        }
        options = ClusterOptions(
            log_folder=SESSION.results.folder / "evidence" / "cluster",
            brokers=brokers or 1,
            keep=keep == "yes",
            bootstrap_servers=bootstrap_servers,
            prefix=prefix,
            security=client_config.from_environment(os.environ)
            | {name: value for name, value in security.items() if value},
        )
        SESSION.ensure_cluster(kind, options)

    @keyword(tags=["cluster"])
    def stop_cluster(self) -> None:
        """Stops the cluster that `Ensure Cluster` started and deletes its data; its logs stay.

        Logs how long each part of the run took. Does nothing if no cluster runs. Robot's end calls it too.

        Example: `Stop Cluster`
        """
        SESSION.close()
        rows = [(part, f"{seconds:,.1f}") for part, seconds in SESSION.results.times().items()]
        logger.info(html_table(("part", "seconds"), rows, "Where the time went"), html=True)

    @keyword(tags=["cluster"])
    def cluster_should_answer(self) -> str:
        """Fails if no cluster runs, or if it does not answer a request for its metadata.

        Returns the cluster's description, such as `Apache Kafka 4.3.1 (KRaft), 1 broker`.

        Example: `Cluster Should Answer`
        """
        if SESSION.cluster is None:
            raise ClusterError(NO_CLUSTER)
        return SESSION.cluster.description

    @keyword(tags=["cluster"])
    def get_bootstrap_servers(self) -> str:
        """Returns the addresses of the cluster's brokers, `host:port[,...]`, for other Kafka libraries.

        Fails if no cluster runs.

        Example: `${servers} =    Get Bootstrap Servers`
        """
        if SESSION.cluster is None:
            raise ClusterError(NO_CLUSTER)
        return SESSION.cluster.client_config["bootstrap.servers"]

    @keyword(tags=["cluster"])
    def require_real_broker(self, reason: str) -> None:
        """Skips the tests that follow, with this reason, when they run on the mock cluster.

        Does nothing on a real broker. `--exclude real-broker` leaves such tests out altogether.

        Args:
            reason: what the mock cannot do; part of the skipped tests' message.

        Example: `Require Real Broker    the mock keeps only 5 MB of a partition`
        """
        if SESSION.cluster is not None and SESSION.cluster.kind == "mock":
            raise SkipExecution(f"needs a real broker: {reason}; run with CLUSTER:local")

    def end_test(self, _data: running.TestCase, result: result.TestCase) -> None:
        """Robot calls this after each test of a suite that imports this library."""
        SESSION.results.note_test(result)

    def close(self) -> None:
        """Robot calls this once after everything, also after Ctrl-C and SIGTERM."""
        SESSION.close()
