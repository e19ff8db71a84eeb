"""Functions that long-running commands share: connection, signals, commands on standard input."""

import os
import signal
import sys
import threading
from collections.abc import Callable

from fairpoll.contract import client_config


def connection(bootstrap_servers: str) -> dict[str, str]:
    """The Kafka client's properties: these servers, and what the environment sets."""
    return {**client_config.from_environment(os.environ), "bootstrap.servers": bootstrap_servers}


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on each SIGTERM and SIGINT, in a thread of its own. From the main thread only.

    A handler would run in the main thread, which may already hold a lock that `stop` takes.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        while os.read(reader, 1):
            stop()

    threading.Thread(target=wait, name="signals", daemon=True).start()


def read_commands(handle: Callable[[str], None]) -> None:
    """Pass each line of standard input to `handle` from a thread of its own, and "stop" at its end.

    Standard input ends when the process that started this one has died.
    """

    def read() -> None:
        for line in sys.stdin:
            handle(line.strip())
        handle("stop")

    threading.Thread(target=read, name="commands", daemon=True).start()
