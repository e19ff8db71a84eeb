"""The sink's speed, as a Bizon transform: each record waits for its turn before Bizon writes its batch.

Bizon runs the transform's text again for each record, so its state is kept in this module. Commands on
standard input (`sink N`, `drain`, its end) are handled as by any consumer.
"""

import os
import signal
import sys
import threading

from fairpoll.consumers.pace import Pace
from fairpoll.contract.environment import ConsumerEnvironment

# The transform's Python code in Bizon's configuration.
TRANSFORM = """
from fairpoll.consumers.bizon.slow_sink import take
take(data["topic"])
"""
_never = threading.Event()
_pace: Pace | None = None


def take(topic: str) -> None:
    """Wait until the sink can take another record."""
    global _pace  # noqa: PLW0603, Bizon keeps no state of ours between two records
    if _pace is None:
        _pace = _begin()
    _pace.wait_turn(_never)
    _pace.occupy(topic)


def _begin() -> Pace:
    """The pace by the environment; starts the thread that reads commands."""
    task = ConsumerEnvironment.from_environment(os.environ)
    pace = Pace(task.sink_rate, task.topic_sink_rates)
    threading.Thread(target=_read_commands, args=[pace], name="commands", daemon=True).start()
    return pace


def _read_commands(pace: Pace) -> None:
    for line in sys.stdin:
        match line.split():
            case ["drain"]:
                pace.set_rate(None)
            case ["sink", rate]:
                pace.set_rate(float(rate))
    os.kill(os.getpid(), signal.SIGTERM)  # the process that sent the commands has ended
