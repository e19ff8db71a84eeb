"""Consumers that ignore their sink's rate, and two that keep it in another way than the built-in ones."""

import threading
import time

from fairpoll.consumers import FairConsumer


class IgnoresTheSinkRate(FairConsumer):
    """Writes as fast as it can: the backlog is gone before the traffic begins."""

    def __init__(self, *args):
        super().__init__(*args)
        self.sink.pace.set_rate(None)


class AFifthTooFast(FairConsumer):
    """Writes six records in the time of five."""

    def __init__(self, *args):
        super().__init__(*args)
        self.sink.pace.set_rate(self.sink.pace.rate * 1.2)


class Schedule:
    """A pace that makes up for any delay: record n is due n/rate seconds after the first."""

    def __init__(self, rate):
        self.rate = rate
        self.due = None
        self.changed = threading.Event()

    @property
    def limited(self):
        return self.rate is not None

    def set_rate(self, rate):
        self.rate = rate
        self.changed.set()

    @property
    def seconds_to_turn(self):
        return self.due - time.monotonic() if self.limited and self.due is not None else 0.0

    def wait_turn(self, stop):
        while not stop.is_set():
            wait = self.seconds_to_turn
            if wait <= 0:
                return True
            self.changed.wait(min(wait, 0.05))
        return False

    def occupy(self, _topic):
        if self.limited:
            self.due = (time.monotonic() if self.due is None else self.due) + 1 / self.rate


class CatchesUpAfterADelay(FairConsumer):
    """Its sink rests for a second once, and then writes what has become due at once.

    It rests over a busy record: the time is charged to that record's partition, which waits for the others.
    """

    def __init__(self, *args):
        super().__init__(*args)
        self.sink.pace = Schedule(self.sink.pace.rate)
        self.taken = 0
        self.rested = False

    def deliver(self, records):
        self.taken += len(records)
        if self.taken >= 400 and not self.rested and records[0].partition() > 0:
            self.rested = True
            self.stopping.wait(1.0)
        super().deliver(records)


class WritesAPollAtOnce(FairConsumer):
    """Writes up to a poll's records of one partition at once, and then rests for the time that they take."""

    def deliver_next(self):
        if not self.sink.pace.limited:
            return super().deliver_next()
        with self.delivering:
            records = self.buffers.take(self.settings.max_poll_records)
            if records:
                self.deliver(records)
                for record in records[1:]:
                    self.sink.pace.occupy(record.topic())
        return bool(records)


RATES = {
    "ignores the sink rate": IgnoresTheSinkRate,
    "a fifth too fast": AFifthTooFast,
    "catches up after a delay": CatchesUpAfterADelay,
    "writes a poll at once": WritesAPollAtOnce,
}
