"""Consumers that are broken in one way each, and correct ones of other designs: `python consumers.py NAME`.

Each broken one is the built-in fair consumer with a single thing changed, so that what catches it
catches that thing. Where a change is named after a poller of the real world, its docstring names it.
"""

import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, TopicPartition
from dishonest import (
    AnHourSlow,
    CommitsBeforeItFlushes,
    FlushesBeforeItCommits,
    RoundsItsTimes,
    StatesABatchsEnd,
    StatesOtherTimes,
    StatesSeconds,
    StatesTheReceipt,
    StatesTheRecordsTimestamp,
)
from poison import POISON
from rates import RATES

from fairpoll.base.clock import now_ms
from fairpoll.base.errors import ConsumerError
from fairpoll.cli.consume import consume
from fairpoll.consumers import MODES, FairConsumer
from fairpoll.consumers.base import partition_set
from fairpoll.consumers.buffers import PartitionBuffers
from fairpoll.consumers.sink import FileSink
from fairpoll.contract.environment import MEMBER
from fairpoll.contract.events import truncate_partial_line
from fairpoll.evidence import layout


def is_low(topic: str) -> bool:
    return "quiet" in topic or "low" in topic


# What is served next


class ArrivalOrder(FairConsumer):
    """Serves records in the order of their arrival instead of each partition in its turn."""

    class Buffers(PartitionBuffers):
        def __init__(self, pause_threshold):
            super().__init__(pause_threshold)
            self.line = deque()

        def added(self, partition, records):
            self.line.extend(partition for _ in records)

        def choose(self):
            while (partition := self.line.popleft()) not in self.ready:
                pass  # discarded in between
            return partition

    buffers_class = Buffers


class DrainsOnePartition(FairConsumer):
    """Stays with a partition until its buffer is empty: racecar before zendesk/racecar#363."""

    class Buffers(PartitionBuffers):
        current = None

        def choose(self):
            if self.current not in self.ready:
                self.current = super().choose()
            return self.current

    buffers_class = Buffers


class StaticPriorityForTheHotTopic(FairConsumer):
    """Serves the hot topic as long as there is anything of it."""

    class Buffers(PartitionBuffers):
        def choose(self):
            return min(self.ready, key=lambda partition: is_low(partition[0]))

    buffers_class = Buffers


class ServesInTheOrderOfNames(FairConsumer):
    """Serves the topic whose name sorts first as long as there is anything of it, as Java's clients do."""

    class Buffers(PartitionBuffers):
        def choose(self):
            return min(self.ready)

    buffers_class = Buffers


class NewestFirst(FairConsumer):
    """Serves the latest record of each partition first."""

    class Buffers(PartitionBuffers):
        def pick(self, waiting, count):
            return [waiting.pop() for _ in range(count)]

    buffers_class = Buffers


class HoldsLowVolumeBack(FairConsumer):
    """Keeps low-volume records until the sink has no limit, and reports them all delivered in the end."""

    class Buffers(PartitionBuffers):
        sink = None

        def choose(self):
            if self.sink.pace.rate is None:
                return super().choose()
            return next((partition for partition in self.ready if not is_low(partition[0])), None)

    buffers_class = Buffers

    def __init__(self, *args):
        super().__init__(*args)
        self.buffers.sink = self.sink


class Backdates(StatesOtherTimes, HoldsLowVolumeBack):
    """Keeps low-volume records until the drain, and states that it delivered them at once."""

    def stamp(self, record):
        return min(record.timestamp()[1] + 50.0, now_ms()) if is_low(record.topic()) else now_ms()


class FreezesOnePartition(FairConsumer):
    """Never serves partition 1: a lost wakeup, as in fede1024/rust-rdkafka#840."""

    class Buffers(PartitionBuffers):
        def choose(self):
            return next((partition for partition in self.ready if partition[1] != 1), None)

    buffers_class = Buffers


class StopsDelivering(FairConsumer):
    """Waits for an answer that does not come, and goes on only when its sink has no limit any more."""

    delivered = 0

    def deliver(self, records):
        super().deliver(records)
        self.delivered += len(records)

    def deliver_next(self):
        if self.delivered >= 100 and self.sink.pace.limited:
            self.stopping.wait(0.05)
            return False
        return super().deliver_next()


# Buffers and pauses


class DropsOnAFullBuffer(FairConsumer):
    """Drops the record that finds its buffer full, as the poller that this suite was first made for."""

    class Buffers(PartitionBuffers):
        def add(self, records):
            for record in records:
                if self.level((record.topic(), record.partition())) < self.pause_threshold:
                    super().add([record])

    buffers_class = Buffers


class NeverResumes(FairConsumer):
    """Pauses and never resumes."""

    def resume_with_room(self):
        pass


class ResumesAfterManyPolls(FairConsumer):
    """Looks for room only after every 500th poll that brought something: when all are paused, none does."""

    brought = 0

    def poll(self):
        records = super().poll()
        self.brought += bool(records)
        return records

    def resume_with_room(self):
        if self.brought and self.brought % 500 == 0:
            super().resume_with_room()


class IgnoresTheThreshold(FairConsumer):
    """Buffers whatever comes."""

    def pause_full(self):
        pass


class ReportsNoBuffers(FairConsumer):
    """Prints no event with the number of records that it has buffered."""

    WITH_LEVELS = ("buffer_levels", "partitions_paused", "partitions_resumed")

    def __init__(self, config, emit):
        super().__init__(config, emit)
        self.emit = Silenced(emit, self.WITH_LEVELS)


class BuffersInSilence(ReportsNoBuffers):
    """Buffers whatever comes, decoded into 128 KiB a record, and reports nothing about it."""

    class Buffers(PartitionBuffers):
        def __init__(self, pause_threshold):
            super().__init__(pause_threshold)
            self.decoded = deque()

        def added(self, partition, records):
            self.decoded.extend(bytearray(128 * 1024) for _ in records)

        def pick(self, waiting, count):
            for _ in range(count):
                self.decoded.popleft()
            return super().pick(waiting, count)

    buffers_class = Buffers

    def pause_full(self):
        pass


class LeaksMemory(FairConsumer):
    """Keeps something of every record."""

    kept = None

    def deliver(self, records):
        self.kept = [*(self.kept or []), bytearray(128 * 1024 * len(records))]
        super().deliver(records)


class LeaksALittle(FairConsumer):
    """Keeps a copy of each record for good, beside what it needs for its decoding."""

    kept = ()

    def deliver(self, records):
        self.kept = [bytearray(32 * 1024 * len(records)), self.kept]
        super().deliver(records)


class ForgetsToResumeOnRevoke(FairConsumer):
    """Pauses what it gives back, and lets the pauses outlive the assignment, as twmb/franz-go#1272 did."""

    def on_revoke(self, partitions):
        self.client.pause(partitions)
        super().on_revoke(partitions)

    def let_go(self, gone):
        self.assigned -= gone
        self.buffers.discard(gone)
        self.paused -= gone


class KeepsBuffersOfRevokedPartitions(FairConsumer):
    """Goes on writing what it had buffered of partitions that are no longer its own."""

    def let_go(self, gone):
        self.buffers.discard, discard = lambda _gone: None, self.buffers.discard
        super().let_go(gone)
        self.buffers.discard = discard


class StopsPollingWhileTheSinkWorks(FairConsumer):
    """Polls only when nothing is buffered: the client's own line decides again."""

    def poll(self):
        if any(self.buffers.level(partition) for partition in self.assigned):
            time.sleep(0.005)
            return []
        return super().poll()


class SlowsEverythingDown(FairConsumer):
    """Fair, and half as fast."""

    def deliver(self, records):
        super().deliver(records)
        if self.sink.pace.rate:
            self.sink.pace.occupy(records[0].topic())


# Delivery


class CountsOnly(FairConsumer):
    """Reports records as consumed and writes none."""

    class Sink(FileSink):
        def write(self, records):
            self.pace.occupy(records[0].topic())
            return len(records)

    sink_class = Sink


class AltersThePayload(FairConsumer):
    """Loses a field on the way."""

    class Sink(FileSink):
        def write(self, records):
            return super().write([self.altered(record) for record in records])

        def altered(self, record):
            value = {key: item for key, item in json.loads(record.value()).items() if key != "data"}
            return Changed(record, value=json.dumps(value).encode())

    sink_class = Sink


class WritesIntoTheWrongTopicsFile(FairConsumer):
    """Writes the low-volume topic into the high-volume topic's file."""

    def open_sink(self):
        config = self.config
        hot = next(output for topic, output in config.outputs.items() if not is_low(topic))
        return FileSink(config.output_folder, dict.fromkeys(config.outputs, hot), config.sink_rate)


class WritesTwice(FairConsumer):
    """Writes each tenth record a second time."""

    class Sink(FileSink):
        def write(self, records):
            super().write([record for record in records for _ in range(1 if record.offset() % 10 else 2)])
            return len(records)

    sink_class = Sink


class TearsALine(FairConsumer):
    """Writes half of each hundredth line, as an interrupted write does, and then the record again."""

    class Sink(FileSink):
        def write(self, records):
            for record in records:
                if record.offset() % 100 == 50:
                    output = self.folder / self.outputs[record.topic()]
                    with output.open("ab") as file:
                        file.write(b'{"topic":"%b","partition":\n' % record.topic().encode())
            return super().write(records)

        def __init__(self, folder, outputs, *rates):
            super().__init__(folder, outputs, *rates)
            self.folder, self.outputs = folder, outputs

    sink_class = Sink


class PrintsItsLog(FairConsumer):
    """Prints its log among its events on standard output."""

    def on_assign(self, partitions):
        self.emit.write(f"INFO assigned {len(partitions)} partitions\n")
        super().on_assign(partitions)


class InventsRecords(FairConsumer):
    """Writes records that nobody sent."""

    def deliver(self, records):
        super().deliver(records)
        for record in records:
            if record.offset() % 10 == 0:
                made_up = {"offset": record.offset() + 1_000_000, "value": b'{"id":"invented"}'}
                self.sink.write([Changed(record, **made_up)])


class SkipsTheFirstAfterAnAssignment(FairConsumer):
    """Passes over the first record of each partition that it is given."""

    def __init__(self, *args):
        super().__init__(*args)
        self.fresh = set()

    def on_assign(self, partitions):
        super().on_assign(partitions)
        self.fresh |= partition_set(partitions)

    def poll(self):
        kept = []
        for record in super().poll():
            partition = (record.topic(), record.partition())
            if partition in self.fresh:
                self.fresh.discard(partition)
            else:
                kept.append(record)
        return kept


class BeginsAtTheEndOfTheLog(FairConsumer):
    """Leaves auto.offset.reset at its default, latest."""

    def client_properties(self):
        return {**super().client_properties(), "auto.offset.reset": "latest"}


class ReadsOnlyPartitionZero(FairConsumer):
    """Never reads any partition but 0."""

    def poll(self):
        return [record for record in super().poll() if record.partition() == 0]


# Commits


class SingleThreadRoundRobin(FairConsumer):
    """One thread for everything: it polls between two records of the sink."""

    def run(self):
        commit_due = time.monotonic()
        while not self.stopping.is_set():
            self.buffers.add(self.poll())
            self.pause_full()
            self.resume_with_room()
            ready = time.monotonic() + 0.02
            while time.monotonic() < ready and self.sink.pace.seconds_to_turn <= 0 and self.deliver_next():
                pass
            if time.monotonic() >= commit_due:
                self.commit(wait=False)
                self.emit("buffer_levels", partitions=self.buffers.levels(sorted(self.assigned)))
                commit_due = time.monotonic() + 0.5
        self.commit(wait=True)


class CommitsOnReceipt(FairConsumer):
    """Commits what a poll returned, before the sink has it."""

    def poll(self):
        records = super().poll()
        with self.delivering:
            for record in records:
                self.uncommitted[(record.topic(), record.partition())] = record.offset() + 1
        return records

    def deliver(self, records):
        partition = (records[0].topic(), records[0].partition())
        with self.delivering:
            received = self.uncommitted.get(partition)
            super().deliver(records)
            if received is None:
                del self.uncommitted[partition]
            else:
                self.uncommitted[partition] = received


class RoundsAndCommitsOnReceipt(RoundsItsTimes, CommitsOnReceipt):
    """Commits before the sink has the record; that its times are rounded to seconds does not explain it."""


class CommitsOneAhead(SingleThreadRoundRobin):
    """Commits records for which its sink still needs 5 ms, as auto-commit does (ag2ai/faststream#2610)."""

    def deliver(self, records):
        if records[0].offset() % 20 == 0:
            self.count_done(records)
            self.commit(wait=True)
            time.sleep(0.005)
        super().deliver(records)


class CommitsPastEachOther(FairConsumer):
    """Sends the commit before once more after each one, as two threads do (segmentio/kafka-go#439)."""

    earlier = ()

    def commit(self, *, wait, only=None):
        with self.delivering:
            now = dict(self.uncommitted)
        super().commit(wait=wait, only=only)
        if late := [TopicPartition(*p, offset) for p, offset in self.earlier if p in now and not wait]:
            self.client.commit(offsets=late)
            with self.delivering:
                self.uncommitted = {**now, **self.uncommitted}
        self.earlier = tuple(now.items())


class NeverCommits(FairConsumer):
    """Never commits anything."""

    def commit(self, *, wait, only=None):
        pass


class CommitsTheOffsetItself(FairConsumer):
    """Commits the offset of the last record, not of the next."""

    def deliver(self, records):
        super().deliver(records)
        last = records[-1]
        self.uncommitted[(last.topic(), last.partition())] = last.offset()


class NeverCommitsAPartitionThatStartsAboveZero(FairConsumer):
    """Expects 0 first and then one after the other: the predecessor's poller, once more."""

    def __init__(self, *args):
        super().__init__(*args)
        self.started_at = {}

    def deliver(self, records):
        super().deliver(records)
        first = records[0]
        partition = (first.topic(), first.partition())
        if self.started_at.setdefault(partition, first.offset()) > 0:
            self.uncommitted.pop(partition, None)


class ResetsToLatestAfterARestart(FairConsumer):
    """Begins at the end of each partition whenever the group has been there before."""

    def on_assign(self, partitions):
        super().on_assign(partitions)
        committed = self.client.committed(partitions, timeout=10)
        been_here = [TopicPartition(p.topic, p.partition, OFFSET_END) for p in committed if p.offset > 0]
        fresh = [TopicPartition(p.topic, p.partition, 0) for p in committed if p.offset <= 0]
        self.client.assign([*been_here, *fresh])


# Group membership


class PollsTooSeldom(FairConsumer):
    """Takes twice as long for a batch as max.poll.interval.ms allows, and is evicted from its group."""

    late = False

    def client_properties(self):
        promised = {"max.poll.interval.ms": 2000, "session.timeout.ms": 2000, "heartbeat.interval.ms": 300}
        return {**super().client_properties(), **promised}

    def poll(self):
        records = super().poll()
        if records and not self.late:
            self.late = True
            self.stopping.wait(4)
        return records


class EvictedWithoutACallback(PollsTooSeldom):
    """The same without an event, as with a client that has no callback for it."""

    def on_lost(self, partitions):
        self.let_go(partition_set(partitions))
        with self.delivering:
            for partition in partition_set(partitions):
                self.uncommitted.pop(partition, None)


# Processes


class DiesInTheTraffic(FairConsumer):
    """Ends without a word to its group after some hundred records, as after a panic."""

    delivered = 0

    def deliver(self, records):
        super().deliver(records)
        self.delivered += len(records)
        if self.delivered >= 300:
            sys.stderr.write("panic: index out of range\n")
            sys.stderr.flush()
            os._exit(7)


class DiesOnce(FairConsumer):
    """Ends without a word to its group after some records, and works when it is started again."""

    delivered = 0

    def deliver(self, records):
        super().deliver(records)
        self.delivered += len(records)
        died = self.config.output_folder / "died"
        if self.delivered >= 100 and not died.exists():
            died.touch()
            os._exit(7)


class IgnoresSigterm(FairConsumer):
    """Catches SIGTERM and goes on."""

    def stop(self):
        pass


class LeavesASession(FairConsumer):
    """Starts a helper in a session of its own, which its SIGTERM does not reach, and forgets it."""

    def start(self):
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        super().start()


# What only shows when something breaks


class StartsAgainLate(FairConsumer):
    """Starts only after an hour's check of what its predecessor left, if there is anything."""

    def start(self):
        folder, outputs = self.config.output_folder, self.config.outputs.values()
        if any((folder / output).stat().st_size for output in outputs):
            self.stopping.wait(3600)
        super().start()


class WarmsUp(FairConsumer):
    """Loads its caches before it joins its group, at each start."""

    SECONDS = 8.0

    def subscribe(self):
        self.stopping.wait(self.SECONDS)
        super().subscribe()


class CleansUpOnRevoke(FairConsumer):
    """Cleans up when the first member gives partitions back: until it has done so, it does not join again."""

    SECONDS = 8.0

    def on_revoke(self, partitions):
        super().on_revoke(partitions)
        if self.config.output_folder.name != layout.SECOND_MEMBER:
            self.stopping.wait(self.SECONDS)


class BacksOffTooLong(FairConsumer):
    """Takes a second without records for a reason not to ask again for long."""

    SECONDS = 12.0
    heard = 0.0

    def poll(self):
        records = super().poll()
        now = time.monotonic()
        if records:
            self.heard = now
        elif self.heard and now - self.heard > 1:
            self.stopping.wait(self.SECONDS)
            self.heard = 0.0
        return records


class CommitsWhatDidNotFit(FairConsumer):
    """Passes over what the disk did not take, and commits it."""

    def deliver(self, records):
        try:
            super().deliver(records)
        except ConsumerError:
            truncate_partial_line(self.config.output_folder / self.config.outputs[records[0].topic()])
            self.count_done(records)


# Correct ones


class CommitsAfterEveryPoll(FairConsumer):
    """Commits after each poll instead of twice a second."""

    def poll(self):
        self.commit(wait=False)
        return super().poll()


class CommitsAtTheEndOfABatch(FairConsumer):
    """Commits after 300 records, and on a revocation: kafkajs commits at the end of a batch."""

    BATCH_RECORDS = 300
    done = 0

    def count_done(self, records):
        super().count_done(records)
        self.done += len(records)

    def commit(self, *, wait, only=None):
        if wait or self.done >= self.BATCH_RECORDS:
            self.done = 0
            super().commit(wait=wait, only=only)


class CommitsAtOnce(SingleThreadRoundRobin):
    """Commits every fifth record in the moment after the sink has it."""

    def deliver(self, records):
        super().deliver(records)
        if records[0].offset() % 5 == 0:
            self.commit(wait=False)


class NoAssignmentEvents(FairConsumer):
    """Prints no event about its assignments, which only the group's coordinator then reports."""

    ABOUT_ASSIGNMENTS = ("partitions_assigned", "partitions_revoked")

    def __init__(self, config, emit):
        super().__init__(config, emit)
        self.emit = Silenced(emit, self.ABOUT_ASSIGNMENTS)


class Silenced:
    """Events without those of some names."""

    def __init__(self, emit, names):
        self.emit, self.names, self.write = emit, names, emit.write

    def __call__(self, name, **fields):
        if name not in self.names:
            self.emit(name, **fields)


class StartsInASecond(WarmsUp):
    """Needs a second before it joins its group, as a program in a virtual machine of its own does."""

    SECONDS = 1.0


class ReportsItsStartLate(FairConsumer):
    """Prints `startup_complete` after its first assignment, as some clients do."""

    def __init__(self, config, emit):
        super().__init__(config, Silenced(emit, ("startup_complete",)))
        self.report_start = lambda: emit("startup_complete")

    def on_assign(self, partitions):
        super().on_assign(partitions)
        self.report_start()
        self.report_start = lambda: None


class AssignsItself(FairConsumer):
    """Joins no group and commits nothing: it would find its offsets in its sink."""

    def subscribe(self):
        topics = self.client.list_topics(timeout=10).topics
        mine = [
            TopicPartition(t, p, OFFSET_BEGINNING) for t in self.config.outputs for p in topics[t].partitions
        ]
        self.client.assign(mine)
        self.on_assign(mine)

    def commit(self, *, wait, only=None):
        pass


class ConsumerProtocol(FairConsumer):
    """Joins its group in the protocol of KIP-848, in which the session timeout is the broker's."""

    def client_properties(self):
        return {**super().client_properties(), "group.protocol": "consumer"}


class StaticMember(FairConsumer):
    """Keeps its place in the group while it is away, until its session times out."""

    def client_properties(self):
        return {**super().client_properties(), "group.instance.id": os.environ[MEMBER]}


class StaticInTheConsumerProtocol(StaticMember):
    """In this protocol, its successor is refused until the session of a killed member has timed out."""

    def client_properties(self):
        return {**super().client_properties(), "group.protocol": "consumer"}


class CooperativeRebalancing(FairConsumer):
    """Gives up only the partitions that move to another member (KIP-429)."""

    def client_properties(self):
        return {**super().client_properties(), "partition.assignment.strategy": "cooperative-sticky"}


class SmallFetches(FairConsumer):
    """Fetches little at a time; without the shorter backoff a full queue would rest for a second."""

    def client_properties(self):
        return {
            **super().client_properties(),
            "fetch.message.max.bytes": 8192,
            "queued.min.messages": 20,
            "queued.max.messages.kbytes": 64,
            "fetch.queue.backoff.ms": 10,
        }


class OneConsumerPerTopic:
    """A group member of its own for each topic, all writing to one sink."""

    def __init__(self, config, emit):
        self.parts = [
            FairConsumer(
                dataclasses.replace(config, outputs={topic: output}, group=self.group(config, topic)), emit
            )
            for topic, output in config.outputs.items()
        ]
        self.stopping = threading.Event()
        self.sink = FileSink(config.output_folder, config.outputs, config.sink_rate)
        for part in self.parts:
            part.sink.close()
            part.sink = self.sink
            part.stopping = self.stopping
        self.control, self.stop = self.parts[0].control, self.parts[0].stop

    def group(self, config, topic):
        return config.group

    def start(self):
        threads = [threading.Thread(target=part.start) for part in self.parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class AGroupForEachTopic(OneConsumerPerTopic):
    """As maintainers of clients advise against starvation; nothing is committed in the given group."""

    def group(self, config, topic):
        return f"{config.group}-{topic}"


def a_process_for_each_topic():
    """A process for each topic, in one group; that of the busy topic has nine tenths of the sink's rate.

    For a real broker: on the mock, two members that join at once may wait for 40 s.
    """
    rate = float(os.environ["FAIRPOLL_SINK_RATE"])
    children = []
    for topic, share in zip(os.environ["FAIRPOLL_TOPICS"].split(), (0.9, 0.1), strict=True):
        mine = {"FAIRPOLL_TOPICS": topic, "FAIRPOLL_SINK_RATE": f"{rate * share:g}"}
        child = [sys.executable, *sys.argv, "inner"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        children.append(subprocess.Popen(child, env={**os.environ, **mine}, **pipes))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the children get it as well, and are waited for
    writing = threading.Lock()

    def pass_on(child):
        for line in child.stdout:  # a pipe keeps only short lines of two writers apart
            with writing:
                os.write(1, line)

    def order():
        for line in sys.stdin.buffer:
            for child in children:
                child.stdin.write(line)
                child.stdin.flush()

    copies = [threading.Thread(target=pass_on, args=(child,)) for child in children]
    for thread in (*copies, threading.Thread(target=order, daemon=True)):
        thread.start()
    for child in children:
        child.wait()


class Changed:
    """A record with something else in it."""

    def __init__(self, record, offset=None, value=None):
        self.record, self.other_offset, self.other_value = record, offset, value

    def topic(self):
        return self.record.topic()

    def partition(self):
        return self.record.partition()

    def offset(self):
        return self.record.offset() if self.other_offset is None else self.other_offset

    def value(self):
        return self.record.value() if self.other_value is None else self.other_value


CONSUMERS = {
    **RATES,
    **POISON,
    "arrival order": ArrivalOrder,
    "drains one partition": DrainsOnePartition,
    "static priority for the hot topic": StaticPriorityForTheHotTopic,
    "backdates": Backdates,
    "states the receipt": StatesTheReceipt,
    "states the timestamp": StatesTheRecordsTimestamp,
    "states seconds": StatesSeconds,
    "an hour slow": AnHourSlow,
    "commits before it flushes": CommitsBeforeItFlushes,
    "flushes before it commits": FlushesBeforeItCommits,
    "rounds its times": RoundsItsTimes,
    "rounds and commits on receipt": RoundsAndCommitsOnReceipt,
    "states a batch's end": StatesABatchsEnd,
    "serves in the order of names": ServesInTheOrderOfNames,
    "newest first": NewestFirst,
    "holds low volume back": HoldsLowVolumeBack,
    "freezes one partition": FreezesOnePartition,
    "stops delivering": StopsDelivering,
    "drops on a full buffer": DropsOnAFullBuffer,
    "never resumes": NeverResumes,
    "resumes after many polls": ResumesAfterManyPolls,
    "ignores the threshold": IgnoresTheThreshold,
    "reports no buffers": ReportsNoBuffers,
    "buffers in silence": BuffersInSilence,
    "leaks memory": LeaksMemory,
    "leaks a little": LeaksALittle,
    "forgets to resume on revoke": ForgetsToResumeOnRevoke,
    "keeps buffers of revoked partitions": KeepsBuffersOfRevokedPartitions,
    "stops polling while the sink works": StopsPollingWhileTheSinkWorks,
    "slows everything down": SlowsEverythingDown,
    "counts only": CountsOnly,
    "alters the payload": AltersThePayload,
    "writes into the wrong file": WritesIntoTheWrongTopicsFile,
    "writes twice": WritesTwice,
    "tears a line": TearsALine,
    "prints its log": PrintsItsLog,
    "invents records": InventsRecords,
    "skips the first after an assignment": SkipsTheFirstAfterAnAssignment,
    "begins at the end of the log": BeginsAtTheEndOfTheLog,
    "reads only partition 0": ReadsOnlyPartitionZero,
    "commits on receipt": CommitsOnReceipt,
    "commits one ahead": CommitsOneAhead,
    "commits past each other": CommitsPastEachOther,
    "never commits": NeverCommits,
    "commits the offset itself": CommitsTheOffsetItself,
    "never commits above 0": NeverCommitsAPartitionThatStartsAboveZero,
    "resets to latest": ResetsToLatestAfterARestart,
    "polls too seldom": PollsTooSeldom,
    "evicted without a callback": EvictedWithoutACallback,
    "no assignment events": NoAssignmentEvents,
    "assigns itself": AssignsItself,
    "dies in the traffic": DiesInTheTraffic,
    "dies once": DiesOnce,
    "a supervisor's restart": DiesOnce,
    "ignores sigterm": IgnoresSigterm,
    "leaves a session of its own": LeavesASession,
    "starts again late": StartsAgainLate,
    "warms up 8 s at each start": WarmsUp,
    "cleans up 8 s on revoke": CleansUpOnRevoke,
    "backs off too long": BacksOffTooLong,
    "commits what did not fit": CommitsWhatDidNotFit,
    "single thread": SingleThreadRoundRobin,
    "commits after every poll": CommitsAfterEveryPoll,
    "commits at once": CommitsAtOnce,
    "commits at the end of a batch": CommitsAtTheEndOfABatch,
    "starts in a second": StartsInASecond,
    "reports its start late": ReportsItsStartLate,
    "consumer protocol": ConsumerProtocol,
    "static member": StaticMember,
    "static in the consumer protocol": StaticInTheConsumerProtocol,
    "cooperative rebalancing": CooperativeRebalancing,
    "small fetches": SmallFetches,
    "one consumer per topic": OneConsumerPerTopic,
    "inside a shell": FairConsumer,
    "a group for each topic": AGroupForEachTopic,
    "a process for each topic": FairConsumer,
}

if __name__ == "__main__":
    name, *inner = sys.argv[1:]
    if name == "inside a shell" and not inner:
        # The shell waits for the consumer, as many start scripts do, and ends on SIGTERM before it.
        command = shlex.join((sys.executable, *sys.argv, "inner"))
        os.execvp("sh", ("sh", "-c", f"{command}; true"))
    if name == "a process for each topic" and not inner:
        sys.exit(a_process_for_each_topic())
    MODES["async"] = CONSUMERS[name]
    consume.main(["--mode", "async", "--controlled"])
