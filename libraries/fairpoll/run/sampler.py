"""Samples the offsets that the running consumers have committed, from the broker."""

import logging
import time
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from fairpoll.base.background import Repeating, abandon_after
from fairpoll.base.errors import ConsumerError
from fairpoll.cluster.admin import CLOSE_SECONDS
from fairpoll.contract.events import EventWriter
from fairpoll.run.offsets_log import OffsetsLog

# Often enough to record a commit ahead of its deliveries; a request takes about a millisecond.
INTERVAL_SECONDS = 0.25
REQUEST_SECONDS = 5.0
# The last sample is repeated for at most this long: after a fault, a coordinator may not answer yet.
LAST_LOOK_SECONDS = 10.0


class Sampler(Repeating):
    """Use as a context; `groups` maps a consumer's name to its group.

    Writes events `committed_offsets` and `log_start` to `path`, and those of `OffsetsLog`. Commits
    are sampled, and members asked for, only while that cannot read them. A sample has the offsets that
    changed since the one before; with thousands of partitions, complete samples would fill the recording.
    The final sample, after the consumers have stopped, has all committed offsets, where their successors
    would begin, and the first offset that the broker still holds of each partition.
    """

    def __init__(
        self,
        path: Path,
        client_config: Mapping[str, str],
        groups: Mapping[str, str],
        topics: Mapping[str, int],
        *,
        same_clock: bool = False,
    ) -> None:
        super().__init__("sampler", INTERVAL_SECONDS)
        # Each line in one write: another stream appends to the same file.
        self._stream = TextIOWrapper(path.open("ab", buffering=0), "utf-8", write_through=True)
        self._emit = EventWriter(self._stream)
        self._groups = groups
        self._partitions = [TopicPartition(t, p) for t, count in topics.items() for p in range(count)]
        # Consumer -> committed offsets in the last sample.
        self._seen: dict[str, dict[tuple[str, int], int]] = {name: {} for name in groups}
        logger = logging.getLogger("fairpoll.run.sampler")
        logger.addHandler(logging.FileHandler(path.with_suffix(".log"), delay=True))
        logger.propagate = False
        self._clients = {
            # Has the group's id to read its offsets, but never joins the group.
            name: Consumer({**client_config, "group.id": group, "enable.auto.commit": False}, logger=logger)
            for name, group in groups.items()
        }
        self._log = OffsetsLog(
            self._emit, client_config, groups, topics, path.with_suffix(".log"), same_clock=same_clock
        )

    def __enter__(self) -> "Sampler":
        self._log.__enter__()
        super().__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.stop_ticking()  # a sample asks a client of the log
        try:
            self._log.__exit__(kind, error, traceback)
        finally:
            super().__exit__(kind, error, traceback)

    def kind_of(self, consumer: str) -> str | None:
        """The kind of the consumer's group; None if it is not known."""
        return self._log.kind_of(consumer)

    def note_members(self, consumer: str) -> None:
        """Write the present members of the consumer's group, which joined before its log was read."""
        self._log.note_members(consumer)

    def check(self) -> None:
        """Raise ConsumerError if a group is of a kind that has no committed offsets."""
        for name, group in self._groups.items():
            if self.kind_of(name) == "share":
                raise ConsumerError(
                    f"{name} joined {group}, which is not a consumer group but a share group: its members "
                    "neither own partitions nor commit offsets, so that Fairpoll cannot judge them"
                )

    def tick(self) -> None:
        self._sample_all(final=False)

    def finish(self) -> None:
        if self._sample_all(final=True):
            self._sample_log_start()
        for client in self._clients.values():
            abandon_after(CLOSE_SECONDS, client.close)
        self._stream.close()

    def _sample_all(self, *, final: bool) -> bool:
        """Write a sample of each consumer; False if no broker answered."""
        answered = True
        for name in self._clients:
            if self._log.problem and not final:
                self._log.describe(name)
            if final or self._log.problem:
                answered = self._sample_commits(name, final=final)
                if final and not answered:
                    break  # the other groups would time out as well
        return answered

    def _sample_commits(self, name: str, *, final: bool) -> bool:
        """Write the committed offsets of a consumer's group; False if no broker answered."""
        deadline = time.monotonic() + (LAST_LOOK_SECONDS if final else 0.0)
        while (committed := self._committed(name)) is None or (final and any(c.error for c in committed)):
            if time.monotonic() >= deadline:
                break
            time.sleep(INTERVAL_SECONDS)
        if committed is None:
            return False
        now = {(c.topic, c.partition): c.offset for c in committed if c.error is None and c.offset >= 0}
        seen, self._seen[name] = self._seen[name], now
        offsets = [
            {"topic": topic, "partition": partition, "offset": offset}
            for (topic, partition), offset in now.items()
            if final or seen.get((topic, partition)) != offset
        ]
        self._emit("committed_offsets", consumer=name, offsets=offsets, final=final)
        return True

    def _committed(self, name: str) -> list[TopicPartition] | None:
        """The committed offset of each partition, or its error; None without an answer."""
        try:
            return self._clients[name].committed(self._partitions, timeout=REQUEST_SECONDS)
        except KafkaException:
            return None

    def _sample_log_start(self) -> None:
        """Write the first offset that the broker still holds of each partition."""
        client = next(iter(self._clients.values()))
        asked = [TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in self._partitions]
        try:
            # One request for all; the client's get_watermark_offsets takes one for each partition.
            answered = client.offsets_for_times(asked, timeout=REQUEST_SECONDS)
        except KafkaException:
            return  # unknown: no loss is excused by retention
        offsets = [
            {"topic": p.topic, "partition": p.partition, "offset": p.offset}
            for p in answered
            if p.error is None and p.offset >= 0
        ]
        self._emit("log_start", offsets=offsets)
