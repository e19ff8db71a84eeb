"""The built-in consumers under test: `sync`, a plain loop, and `async`, a fair poller.

Both read the same topics with the same client and write to the same kind of sink; they differ only in
how records get from client to sink.
"""

from fairpoll.consumers.base import Consumer, ConsumerConfig
from fairpoll.consumers.fair import FairConsumer
from fairpoll.consumers.sync import SyncConsumer

MODES: dict[str, type[Consumer]] = {"sync": SyncConsumer, "async": FairConsumer}

__all__ = ["MODES", "Consumer", "ConsumerConfig", "FairConsumer", "SyncConsumer"]
