"""The plain loop that most people write: poll a batch, write it, commit it, poll again.

It is not written to starve a topic. But it does not poll while the sink is busy, and the next batch has the
records that the client fetched first: behind a backlog, those of the backlog.
"""

from collections.abc import Sequence

from fairpoll.consumers.base import Consumer
from fairpoll.consumers.record import Record, runs


class SyncConsumer(Consumer):
    """One thread, one batch at a time, in the order in which the client returns the records."""

    def run(self) -> None:
        while not self.stopping.is_set():
            for _, records in runs(self.poll()):
                self._write(records)
            self.commit(wait=True)

    def _write(self, records: Sequence[Record]) -> None:
        """Write them, one at a time while the sink's rate is limited, else all at once."""
        while records and self.sink.pace.wait_turn(self.stopping):
            count = 1 if self.sink.pace.limited else len(records)
            self.deliver(records[:count])
            records = records[count:]
