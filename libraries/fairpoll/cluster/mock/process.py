"""librdkafka's mock cluster in a process of its own: `python -m fairpoll.cluster.mock.process BROKERS`.

It serves the Kafka protocol on loopback. It is part of the confluent-kafka wheel, whose Python API cannot
create topics in it; so the library's C API is called through ctypes.

A command is a JSON object on a line of standard input, `{"topic": NAME, "partitions": N}`; a line on standard
output is its answer. The end of the input ends the process, also if its parent is killed.
"""

import ctypes
import json
import sys
from pathlib import Path

import confluent_kafka

# The mock delays a group's first rebalance to wait for more members, which the suites do not need.
REBALANCE_DELAY_MS = 100
_PRODUCER = 0
_ERROR_BYTES = 512


def load_librdkafka() -> ctypes.CDLL:
    """The library that confluent_kafka itself runs on. Raises OSError when it cannot be found."""
    package = Path(confluent_kafka.__file__).parent
    # Wheels for Linux keep it beside the package, those for macOS inside.
    places = [package.parent / "confluent_kafka.libs", package / ".dylibs"]
    for place in places:
        for path in sorted(place.glob("librdkafka*")):
            return ctypes.CDLL(str(path))
    raise OSError(f"no librdkafka in {' or '.join(map(str, places))}; install confluent-kafka from its wheel")


class MockCluster:
    """The mock, through its C API (rdkafka_mock.h)."""

    def __init__(self, brokers: int) -> None:
        self._lib = load_librdkafka()
        for name in ("rd_kafka_new", "rd_kafka_mock_cluster_new", "rd_kafka_conf_new"):
            getattr(self._lib, name).restype = ctypes.c_void_p
        self._lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        error = ctypes.create_string_buffer(_ERROR_BYTES)
        # The mock needs a client instance, which sends nothing.
        client = self._lib.rd_kafka_new(
            _PRODUCER, ctypes.c_void_p(self._lib.rd_kafka_conf_new()), error, ctypes.c_size_t(_ERROR_BYTES)
        )
        if not client:
            raise OSError(f"librdkafka: {error.value.decode()}")
        self._cluster = ctypes.c_void_p(
            self._lib.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), ctypes.c_int(brokers))
        )
        if not self._cluster:
            raise OSError("librdkafka could not start its mock cluster")
        self._replication = min(3, brokers)
        self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms(
            self._cluster, ctypes.c_int32(REBALANCE_DELAY_MS)
        )

    @property
    def bootstrap_servers(self) -> str:
        servers: bytes = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return servers.decode()

    def create_topic(self, name: str, partitions: int) -> str | None:
        """Create a topic; return the error, if any."""
        code = self._lib.rd_kafka_mock_topic_create(
            self._cluster, name.encode(), ctypes.c_int(partitions), ctypes.c_int(self._replication)
        )
        return None if code == 0 else f"librdkafka answered {code}"


def main() -> None:
    cluster = MockCluster(int(sys.argv[1]))
    print(json.dumps({"bootstrap_servers": cluster.bootstrap_servers}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        error = cluster.create_topic(command["topic"], command["partitions"])
        print(json.dumps({"topic": command["topic"], "error": error}), flush=True)


if __name__ == "__main__":
    main()
