"""Consumers whose own times are wrong or imprecise, and two whose sinks collect lines."""

import threading
import time

import fairpoll.consumers.sink as sinks
from fairpoll.base import clock
from fairpoll.base.clock import now_ms
from fairpoll.consumers import FairConsumer


class StatesOtherTimes(FairConsumer):
    """Writes each record with the time that `stamp` returns for it, in place of the time of the write."""

    def __init__(self, *args):
        super().__init__(*args)
        self.received = {}
        self.record = None
        sinks.now_ms = lambda: self.stamp(self.record)

    def poll(self):
        records = super().poll()
        for record in records:
            self.received[(record.topic(), record.partition(), record.offset())] = now_ms()
        return records

    def deliver(self, records):
        for self.record in records:
            super().deliver([self.record])

    def stamp(self, record):
        raise NotImplementedError


class StatesTheReceipt(StatesOtherTimes):
    """States when the poll returned the record, which then waited in a buffer."""

    def stamp(self, record):
        return self.received[(record.topic(), record.partition(), record.offset())]


class StatesTheRecordsTimestamp(StatesOtherTimes):
    """States the record's own timestamp: the likeliest mistake of all."""

    def stamp(self, record):
        return float(record.timestamp()[1])


class StatesSeconds(StatesOtherTimes):
    """States seconds since the epoch in place of milliseconds."""

    def stamp(self, record):
        return now_ms() / 1000


class RoundsItsTimes(StatesOtherTimes):
    """States the time of the write in whole seconds, as DATETIME of MySQL does: correct."""

    def stamp(self, record):
        return round(now_ms() / 1000) * 1000.0


class StatesABatchsEnd(StatesOtherTimes):
    """States when the batch will be complete, a tenth of a second after the write: correct."""

    def stamp(self, record):
        return now_ms() + 100


class AnHourSlow(FairConsumer):
    """Its whole process has a clock that is an hour slow."""

    def __init__(self, *args):
        clock._OFFSET_SECONDS -= 3600
        super().__init__(*args)


class Collects:
    """Stands for an output file, and writes its lines when it is flushed."""

    def __init__(self, file):
        self.file, self.lines, self.lock = file, bytearray(), threading.Lock()

    def write(self, lines):
        with self.lock:
            self.lines += lines
        return len(lines)

    def flush(self):
        with self.lock:
            self.file.write(self.lines)
            self.lines.clear()

    def close(self):
        self.flush()
        self.file.close()


class CollectsLines(FairConsumer):
    """Flushes its lines every `SECONDS`."""

    # A second beyond the limit of `no_stall`: at the limit itself, noise would decide.
    SECONDS = 6.0

    def __init__(self, *args):
        super().__init__(*args)
        self.sink.files = {topic: Collects(file) for topic, file in self.sink.files.items()}
        self.flushed = time.monotonic()

    def flush(self):
        for file in self.sink.files.values():
            file.flush()

    def deliver_next(self):
        if time.monotonic() - self.flushed >= self.SECONDS:
            self.flushed = time.monotonic()
            self.flush()
        return super().deliver_next()


class CommitsBeforeItFlushes(CollectsLines):
    """Commits what still stands in its memory."""


class FlushesBeforeItCommits(CollectsLines):
    """Flushes each second, and before every commit: correct."""

    SECONDS = 1.0

    def commit(self, **options):
        with self.delivering:
            self.flush()
            super().commit(**options)
