"""Looks at the consumers from outside while they run: committed offsets, memory. One JSON line a look.

What a consumer says of itself is evidence; what its group has committed, by the broker's word, and
the memory it has, by the operating system's, is better.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from fairpoll.base.background import Repeating
from fairpoll.contract.events import EventWriter

# Often enough to see a commit before what it covers is delivered; a request takes about a millisecond.
INTERVAL_SECONDS = 0.25
REQUEST_SECONDS = 5.0


class Sampler(Repeating):
    """Use as a context; `groups` maps a consumer's name to its group, `pids` gives its processes now.

    Writes events `committed_offsets`, `memory` and `log_start` to `path`. A look tells the offsets that
    have changed since the one before; with thousands of partitions, all of them each time would be the most
    of a recording. The last look is taken at the end, when the consumers have been stopped, and tells all:
    what is committed then is where their successors would begin, and what the broker no longer holds nobody
    can read.
    """

    def __init__(
        self,
        path: Path,
        client_config: Mapping[str, str],
        groups: Mapping[str, str],
        topics: Mapping[str, int],
        pids: Callable[[str], Sequence[int]],
    ) -> None:
        super().__init__("sampler", INTERVAL_SECONDS)
        self._stream = path.open("a", encoding="utf-8")
        self._emit = EventWriter(self._stream)
        self._pids = pids
        self._partitions = [TopicPartition(t, p) for t, count in topics.items() for p in range(count)]
        # By consumer, what its group had committed at the last look.
        self._seen: dict[str, dict[tuple[str, int], int]] = {name: {} for name in groups}
        logger = logging.getLogger("fairpoll.run.sampler")
        logger.addHandler(logging.FileHandler(path.with_suffix(".log"), delay=True))
        logger.propagate = False
        self._clients = {
            # A client of the group that never joins it: it may ask, and changes nothing.
            name: Consumer({**client_config, "group.id": group, "enable.auto.commit": False}, logger=logger)
            for name, group in groups.items()
        }

    def tick(self) -> None:
        self._sample_all(final=False)

    def finish(self) -> None:
        if self._sample_all(final=True):
            self._sample_log_start()
        for client in self._clients.values():
            client.close()
        self._stream.close()

    def _sample_all(self, *, final: bool) -> bool:
        """False when no broker answered."""
        answered = True
        for name, client in self._clients.items():
            try:
                if final and not answered:
                    break  # nor will the next one be answered
                committed = client.committed(self._partitions, timeout=REQUEST_SECONDS)
            except KafkaException:
                answered = False
                continue  # no broker to ask just now; the next look may find one
            now = {(c.topic, c.partition): c.offset for c in committed if c.error is None and c.offset >= 0}
            seen, self._seen[name] = self._seen[name], now
            offsets = [
                {"topic": topic, "partition": partition, "offset": offset}
                for (topic, partition), offset in now.items()
                if final or seen.get((topic, partition)) != offset
            ]
            self._emit("committed_offsets", consumer=name, offsets=offsets, final=final)
            if rss := sum(_rss_bytes(pid) for pid in self._pids(name)):
                self._emit("memory", consumer=name, rss_bytes=rss)
        return answered

    def _sample_log_start(self) -> None:
        """The first offset that the broker still holds of each partition."""
        client = next(iter(self._clients.values()))
        asked = [TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in self._partitions]
        try:
            # All in one request, where the client's own question for watermarks is one a partition.
            answered = client.offsets_for_times(asked, timeout=REQUEST_SECONDS)
        except KafkaException:
            return  # unknown, and so nothing is excused by it
        offsets = [
            {"topic": p.topic, "partition": p.partition, "offset": p.offset}
            for p in answered
            if p.error is None and p.offset >= 0
        ]
        self._emit("log_start", offsets=offsets)


def _rss_bytes(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
