"""The plain loop most people write: poll a batch, write it, commit it, poll again.

Nothing here is rigged to starve anybody. While the sink is busy nothing is polled, and the next
batch holds whatever the client fetched first: behind a backlog, that is the backlog.
"""

from fairpoll.consumers.base import Consumer


class SyncConsumer(Consumer):
    """One thread, one batch at a time, in the order in which the client hands the records over."""

    def run(self) -> None:
        while not self.stopping.is_set():
            for record in self.poll():
                if not self.sink.pace.wait_turn(self.stopping):
                    break
                self.deliver(record)
            self.commit(wait=True)
