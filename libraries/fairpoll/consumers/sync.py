"""The plain loop most people write: poll a batch, write it, commit it, poll again.

Nothing here is rigged to starve anybody. While the sink is busy nothing is polled, and the next
batch holds whatever the client fetched first: behind a backlog, that is the backlog.
"""

from collections.abc import Sequence

from fairpoll.consumers.base import Consumer
from fairpoll.consumers.record import Record, runs


class SyncConsumer(Consumer):
    """One thread, one batch at a time, in the order in which the client hands the records over."""

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
