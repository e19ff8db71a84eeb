"""A Kafka client's connection properties, without a password in any argument list.

Properties travel between processes in environment variables: `FAIRPOLL_KAFKA_SASL_PASSWORD` is
librdkafka's `sasl.password`. Only property names with dots, and no underscores, can be written so.
"""

import re
from collections.abc import Mapping

from fairpoll.base.text import quoted

PREFIX = "FAIRPOLL_KAFKA_"


def to_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """`{"sasl.password": "x"}` -> `{"FAIRPOLL_KAFKA_SASL_PASSWORD": "x"}`."""
    return {PREFIX + name.replace(".", "_").upper(): str(value) for name, value in properties.items()}


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The reverse of `to_environment`; other variables are ignored."""
    return {
        name.removeprefix(PREFIX).replace("_", ".").lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }


# A host name, an IPv4 address or an IPv6 address in brackets; before it a listener, as in librdkafka.
_SERVER = re.compile(r"(?:[A-Za-z_]+://)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


def check_servers(servers: str) -> None:
    """Raise ValueError unless these are broker addresses, separated by commas."""
    for server in servers.split(","):
        match = _SERVER.fullmatch(server.strip())
        if (
            not match
            or not 0 < int(match[1]) < 65_536
            or server.strip().lower().startswith(("http://", "https://"))
        ):
            raise ValueError(
                f"{quoted(server)} is not a valid broker address; write host:port, separated by commas"
            )
