"""Reads the group coordinator's records of the groups under test: each commit, each change of members."""

import logging
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from fairpoll.base import clock
from fairpoll.base.background import Repeating, abandon_after
from fairpoll.base.errors import ClusterError
from fairpoll.cluster.admin import CLOSE_SECONDS, Admin, GroupMembers
from fairpoll.contract.events import EventWriter, dump
from fairpoll.contract.records import Partition
from fairpoll.run.group_records import (
    Group,
    Key,
    UnknownVersionError,
    committed_offset,
    is_commit,
    partition_of,
    read_key,
)

TOPIC = "__consumer_offsets"
# How long a fetch may wait for the next record.
POLL_SECONDS = 0.1
MOST_RECORDS = 1000
# How often a new cluster is asked whether it has the topic by now.
OPEN_SECONDS = 1.0
# What was written before the end of the run is fetched within this time.
FINISH_SECONDS = 5.0
# A system clock that was set by more than this during the run orders nothing to the millisecond.
CLOCK_STEP_SECONDS = 0.001
HOPELESS = (KafkaError._AUTO_OFFSET_RESET, KafkaError.TOPIC_AUTHORIZATION_FAILED)
ABSENT = f"the cluster shows no {TOPIC}"


class OffsetsLog(Repeating):
    """Use as a context, from before the first member starts until the last one has stopped.

    `groups` maps a consumer's name to its group. It has a client without a group of its own, which reads only
    the partitions that the groups' ids hash to, from their end at construction. It writes the events
    `committed_offsets` and `group_members`, with the time at which the broker appended the record if
    `same_clock` (the brokers run on this machine), else the time of arrival. At the end it writes one
    `offsets_log` event for each consumer; `problem` is then the reason why records may be missing, or "", and
    `members` false for a kind of group whose members it cannot read.
    """

    def __init__(
        self,
        emit: EventWriter,
        client_config: Mapping[str, str],
        groups: Mapping[str, str],
        topics: Collection[str],
        log_file: Path,
        *,
        same_clock: bool,
    ) -> None:
        super().__init__("offsets log", 0.0)
        self._emit = emit
        self._config, self._groups, self._same_clock = client_config, groups, same_clock
        self._consumers = {group: name for name, group in groups.items()}
        self._topics, self._state = topics, dict[str, Group]()
        self._logger = logging.Logger("fairpoll.run.offsets_log")
        self._logger.addHandler(logging.FileHandler(log_file, delay=True))
        self._admin = Admin(client_config, log_file)
        self._client: Consumer | None = None
        self._problem = ABSENT
        self._failed = False
        # When the coordinator was asked last; a change came after that.
        self._begun_ms = clock.now_ms()
        self._asked_ms: dict[str, float] = {}
        self._described: dict[str, GroupMembers] = {}
        self._open_at = 0.0
        self._set_at = time.time() - clock.now_seconds()
        # Partition -> the offset of the next record; a topic that does not exist yet is read as a whole.
        self._next: dict[int, int] = {}
        try:
            self._next = self._ends() or {}
        except ClusterError as error:  # without a leader; it is read as a whole then
            self._problem = str(error)

    @property
    def problem(self) -> str:
        """Why it does not read the log; "" while it does."""
        return self._problem

    def kind_of(self, consumer: str) -> str | None:
        """The kind of the consumer's group by its records so far; None before the first one."""
        group = self._state.get(self._groups[consumer])
        return group.kind if group else None

    def tick(self) -> None:
        if self._failed or not (self._client or self._open()):
            time.sleep(POLL_SECONDS)
        else:
            self._read(POLL_SECONDS)

    def describe(self, consumer: str) -> None:
        """Ask the coordinator for the group's members, where the log cannot be read, and write a change."""
        group = self._groups[consumer]
        asked_ms, before_ms = clock.now_ms(), self._asked_ms.get(group)
        try:
            found = self._admin.members(group)
        except ClusterError:
            return  # no broker answers, or it does not describe groups, as the mock
        if found is not None and found != self._described.get(group):
            self._described[group] = found
            now_ms = clock.now_ms()
            fields = {"lag_ms": now_ms - (before_ms or self._begun_ms), "at_once": True}
            kind = "consumer" if found.consumer_protocol else "classic"
            self._write_members(group, now_ms, 0, found.partitions, kind=kind, **fields)
        self._asked_ms[group] = asked_ms

    def note_members(self, consumer: str) -> None:
        """Write the members that a group has now: the log is not read from before they joined."""
        group = self._groups[consumer]
        if (found := self._admin.members(group)) is not None:
            kind = "consumer" if found.consumer_protocol else "classic"
            self._write_members(group, self._begun_ms, 0, found.partitions, kind=kind)

    def finish(self) -> None:
        """Read to the present end, and write how complete the record is."""
        deadline = time.monotonic() + FINISH_SECONDS
        if not (self._client or self._failed):
            self._open_at = 0.0  # a short run may end before the next attempt
            self._open()
        try:
            ends = self._ends() if self._client and not self._failed else None
            while ends and self._client and not self._failed and self._behind(ends):
                if time.monotonic() >= deadline:
                    self._fail(f"the end of {TOPIC} was not read within {FINISH_SECONDS:g} s")
                self._read(POLL_SECONDS)
        except ClusterError as error:
            self._fail(str(error))
        stepped = abs(time.time() - clock.now_seconds() - self._set_at) > CLOCK_STEP_SECONDS
        for name in self._groups:
            exact = self._same_clock and not stepped
            members = self.kind_of(name) in (None, "classic", "consumer")
            self._emit("offsets_log", consumer=name, problem=self._problem, exact=exact, members=members)
        if self._client:
            abandon_after(CLOSE_SECONDS, self._client.close)
        self._admin.close()

    def _fail(self, reason: str) -> None:
        self._failed, self._problem = True, reason

    def _ends(self) -> dict[int, int] | None:
        """The end of each partition that has records of these groups; None if the topic is missing."""
        metadata = self._admin.metadata()
        topic = metadata.topics.get(TOPIC) if metadata else None
        if topic is None or not topic.partitions:
            return None
        numbers = {partition_of(group, len(topic.partitions)) for group in self._groups.values()}
        ends = self._admin.end_offsets({(TOPIC, number) for number in numbers})
        return {number: ends[(TOPIC, number)] for number in numbers}

    def _behind(self, ends: Mapping[int, int]) -> bool:
        return any(self._next.get(number, 0) < end for number, end in ends.items())

    def _open(self) -> bool:
        """Begin to read, if the topic exists."""
        if time.monotonic() < self._open_at:
            return False
        self._open_at = time.monotonic() + OPEN_SECONDS
        try:
            ends = self._ends()
        except ClusterError as error:  # a topic that has just been created has no leader yet
            self._problem = str(error)
            return False
        if ends is None:
            return False
        self._client = Consumer(
            {
                **self._config,
                # The client demands an id; nothing is ever committed or joined with it.
                "group.id": "fairpoll-observer",
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 100,
            },
            logger=self._logger,
        )
        self._client.assign([TopicPartition(TOPIC, n, self._next.get(n, 0)) for n in ends])
        self._problem = ""
        return True

    def _read(self, seconds: float) -> None:
        assert self._client
        for message in self._client.consume(MOST_RECORDS, seconds):
            if error := message.error():
                if error.code() in HOPELESS:
                    self._fail(f"{TOPIC} cannot be read: {error.str()}")
                continue
            self._take(message, clock.now_ms())

    def _take(self, message: Message, arrived_ms: float) -> None:
        partition, offset = message.partition(), message.offset()
        assert partition is not None and offset is not None
        self._next[partition] = offset + 1
        raw, value = message.key(), message.value()
        if not isinstance(raw, bytes):
            return
        try:
            key = read_key(raw)
            if key.group not in self._consumers:
                return
            at = float(message.timestamp()[1]) if self._same_clock else arrived_ms
            if is_commit(key):
                self._committed(key, committed_offset(value), at)
            else:
                self._changed(key, value, at)
        except UnknownVersionError as error:
            self._fail(f"{TOPIC} has {error}, which this version of Fairpoll cannot read")
        except (IndexError, UnicodeDecodeError) as error:
            self._fail(f"{TOPIC}/{partition}@{offset} cannot be decoded: {error}")

    def _committed(self, key: Key, offset: int | None, at: float) -> None:
        """Write a commit; a deleted one has the offset -1."""
        where = {**key.fields, "offset": -1 if offset is None else offset}
        self._write("committed_offsets", key.group, at, offsets=[where], final=False, log=True)

    def _changed(self, key: Key, value: bytes | None, at: float) -> None:
        """Write the group's members and their partitions if the record changes these."""
        if (state := self._state.get(key.group)) is None:
            state = self._state[key.group] = Group(self._admin.topic_ids(self._topics))
        before = dict(state.members)
        state.take(key, value)
        if state.members == before and (before or state.kind != "classic"):
            return
        self._write_members(
            key.group,
            at,
            state.generation,
            state.members,
            static=state.static,
            kind=state.kind,
            at_once=state.kind == "consumer",
        )

    def _write_members(
        self,
        group: str,
        at: float,
        generation: int,
        members: Mapping[str, Collection[Partition]],
        **fields: object,
    ) -> None:
        """`at_once`: whether a member's end shows before the others have joined the next rebalance."""
        owned = [
            {"topic": topic, "partition": number, "member": member}
            for member, partitions in members.items()
            for topic, number in sorted(partitions)
        ]
        self._write(
            "group_members",
            group,
            at,
            generation=generation,
            members=list(members),
            partitions=owned,
            **fields,
        )

    def _write(self, name: str, group: str, at: float, **fields: object) -> None:
        consumer = self._consumers[group]
        self._emit.write(dump({"timestamp": at, "name": name, "consumer": consumer, **fields}) + "\n")
