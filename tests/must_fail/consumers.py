"""Consumers that are broken in one way each: `python consumers.py NAME`, in place of an async consumer.

Each is the built-in one with a single thing changed, so that what catches it catches that thing.
"""

import sys
from collections import deque

from fairpoll.cli import consume
from fairpoll.consumers import MODES, Consumer, FairConsumer
from fairpoll.consumers.buffers import PartitionBuffers


class ArrivalOrderBuffers(PartitionBuffers):
    """All records wait in one line."""

    def __init__(self, pause_threshold: int) -> None:
        super().__init__(pause_threshold)
        self.line: deque = deque()

    def add(self, records) -> None:
        with self._changed:
            self.line.extend((record.topic(), record.partition()) for record in records)
            super().add(records)

    def choose(self):
        return self.line.popleft()


class ArrivalOrder(FairConsumer):
    """Serves records in the order of their arrival instead of each partition in its turn."""

    buffers_class = ArrivalOrderBuffers


DEFECTS: dict[str, type[Consumer]] = {"arrival_order": ArrivalOrder}

if __name__ == "__main__":
    name = sys.argv[1]
    MODES["async"] = DEFECTS[name]
    consume.main(["--mode", "async", "--controlled"])
