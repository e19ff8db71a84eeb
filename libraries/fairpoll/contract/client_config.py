"""A Kafka client's connection properties, without a password in any argument list.

Properties travel between processes in environment variables: `FAIRPOLL_KAFKA_SASL_PASSWORD` is
librdkafka's `sasl.password`. Only property names with dots, and no underscores, can be written so.
A file of properties can be named by another variable.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from fairpoll.base.errors import FairpollError
from fairpoll.base.text import quoted

PREFIX = "FAIRPOLL_KAFKA_"
PROPERTIES_FILE = "FAIRPOLL_PROPERTIES_FILE"
# What a run itself sets; files that serve other programs too have it.
OURS = frozenset(
    (
        "bootstrap.servers",
        "group.id",
        "auto.offset.reset",
        "enable.auto.commit",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
    )
)
# Properties of the Java client, and what librdkafka has instead.
JAVA_ONLY = {
    "sasl.jaas.config": "sasl.username and sasl.password",
    "ssl.truststore.location": "ssl.ca.location, a file in PEM",
    "ssl.truststore.certificates": "ssl.ca.location, a file in PEM",
    "ssl.keystore.certificate.chain": "ssl.certificate.location, a file in PEM",
}
_PROPERTY = re.compile(r"\s*([a-z0-9.]+)\s*[=:]\s*(.*?)\s*")


def to_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """`{"sasl.password": "x"}` -> `{"FAIRPOLL_KAFKA_SASL_PASSWORD": "x"}`."""
    return {PREFIX + name.replace(".", "_").upper(): str(value) for name, value in properties.items()}


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The reverse of `to_environment`, on top of the file that PROPERTIES_FILE names; "" is none.

    Raises FairpollError for a file that cannot be read, as `read_properties`.
    """
    file = environment.get(PROPERTIES_FILE)
    return (read_properties(Path(file)) if file else {}) | {
        name.removeprefix(PREFIX).replace("_", ".").lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }


def read_properties(file: Path) -> dict[str, str]:
    """The properties of librdkafka in this file, without those that a run itself sets (OURS).

    One `name=value` on each line; lines that begin with # or ! are comments. Raises FairpollError, which has
    the line's number and never its value.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise FairpollError(f"{PROPERTIES_FILE}: {file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FairpollError(f"{PROPERTIES_FILE}: {file}: not UTF-8 text") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith(("#", "!")):
            continue
        match, where = _PROPERTY.fullmatch(line), f"{PROPERTIES_FILE}: {file}: line {number}"
        if not match:
            raise FairpollError(f"{where}: not name=value, with a name of small letters, digits and dots")
        if instead := JAVA_ONLY.get(match[1]):
            raise FairpollError(f"{where}: {match[1]} is the Java client's; write {instead}")
        if match[1] not in OURS:
            found[match[1]] = match[2]
    return found


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
