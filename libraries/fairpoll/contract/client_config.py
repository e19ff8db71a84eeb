"""How a Kafka client is told to connect, without a password ever standing in an argument list.

Properties travel between processes in environment variables: `FAIRPOLL_KAFKA_SASL_PASSWORD` is
librdkafka's `sasl.password`. Only names that librdkafka knows with dots can be written so.
"""

import re
from collections.abc import Mapping

from fairpoll.base.text import quoted

PREFIX = "FAIRPOLL_KAFKA_"


def to_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """`{"sasl.password": "x"}` -> `{"FAIRPOLL_KAFKA_SASL_PASSWORD": "x"}`."""
    return {PREFIX + name.replace(".", "_").upper(): str(value) for name, value in properties.items()}


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The reverse of `to_environment`; other variables are passed over."""
    return {
        name.removeprefix(PREFIX).replace("_", ".").lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }


# A name, an IPv4 or, in brackets, an IPv6 address; a listener's name before it, as librdkafka allows.
_SERVER = re.compile(r"(?:[A-Za-z_]+://)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


def check_servers(servers: str) -> None:
    """Raise ValueError, which says what is allowed, unless these are addresses of brokers."""
    for server in servers.split(","):
        match = _SERVER.fullmatch(server.strip())
        if (
            not match
            or not 0 < int(match[1]) < 65_536
            or server.strip().lower().startswith(("http://", "https://"))
        ):
            raise ValueError(
                f"{quoted(server)} is no broker's address; write host:port, several with a comma between"
            )
