"""The sink's speed, as a Bizon transform: each record waits for its turn before Bizon writes its batch.

Bizon runs the transform's text anew for each record; what must outlive that is kept in this module.
Orders (`sink N`, `drain`, the end of standard input) are taken as by any consumer.
"""

import os
import signal
import sys
import threading

from fairpoll.consumers.pace import Pace
from fairpoll.contract.environment import ConsumerEnvironment

# What Bizon is given as the transform's Python.
TRANSFORM = """
from fairpoll.consumers.bizon.slow_sink import take
take(data["topic"])
"""
_never = threading.Event()
_pace: Pace | None = None


def take(topic: str) -> None:
    """Return when the sink can take another record."""
    global _pace  # noqa: PLW0603, Bizon keeps nothing of ours between two records
    if _pace is None:
        _pace = _begin()
    _pace.wait_turn(_never)
    _pace.occupy(topic)


def _begin() -> Pace:
    """The pace that the environment asks for, and a thread that obeys orders."""
    task = ConsumerEnvironment.from_environment(os.environ)
    pace = Pace(task.sink_rate, task.topic_sink_rates)
    threading.Thread(target=_obey, args=[pace], name="orders", daemon=True).start()
    return pace


def _obey(pace: Pace) -> None:
    for line in sys.stdin:
        match line.split():
            case ["drain"]:
                pace.set_rate(None)
            case ["sink", rate]:
                pace.set_rate(float(rate))
    os.kill(os.getpid(), signal.SIGTERM)  # whoever gave the orders is gone
