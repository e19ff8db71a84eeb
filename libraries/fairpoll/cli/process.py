"""Functions that long-running commands share: connection, signals, commands on standard input."""

import os
import signal
import sys
import threading
from collections.abc import Callable

from fairpoll.contract import client_config


def connection(bootstrap_servers: str) -> dict[str, str]:
    """The Kafka client's properties: these servers, and what FAIRPOLL_KAFKA_* in the environment sets."""
    return {**client_config.from_environment(os.environ), "bootstrap.servers": bootstrap_servers}


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT. From the main thread only."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def read_commands(handle: Callable[[str], None]) -> None:
    """Pass each line of standard input to `handle` from a thread of its own, and "stop" at its end.

    Standard input ends when the process that started this one has died.
    """

    def read() -> None:
        for line in sys.stdin:
            handle(line.strip())
        handle("stop")

    threading.Thread(target=read, name="commands", daemon=True).start()
