"""How a Kafka client is told to connect, without a password ever standing in an argument list.

Properties travel between processes in environment variables: `FAIRPOLL_KAFKA_SASL_PASSWORD` is
librdkafka's `sasl.password`. Only names that librdkafka knows with dots can be written so.
"""

from collections.abc import Mapping

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
