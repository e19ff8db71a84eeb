"""How long the oldest message of each partition has been waiting for the group."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from fairpoll.contract.records import Partition
from fairpoll.watch.arrivals import Ends
from fairpoll.watch.position import Sample
from fairpoll.watch.reader import Found, Nothing, Reader

# The kinds of answers. none: nothing waits. age: the oldest waiting record was read. blocked: it stands
# behind an open transaction. deleted: the broker deleted records before the group read them. uncommitted: the
# group never committed here. ahead: it has committed beyond the end, as after the topic was made anew.
# unknown: a broker did not answer.
Kind = Literal["none", "age", "blocked", "deleted", "uncommitted", "ahead", "unknown"]
KINDS: Sequence[Kind] = get_args(Kind)
# A producer's clock may differ from ours by this much, and its record is in the log somewhat later.
CLOCK_MS = 500.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """The answer for one partition, at one sample; times in seconds.

    `seconds` is how long its oldest message has been waiting, and `at_most` the longest that it can have
    been: both are equal where the record's own time is known. `lag` is in records; `note` is for people.
    """

    kind: Kind
    seconds: float = 0.0
    at_most: float = 0.0
    lag: int = 0
    offset: int | None = None
    note: str = ""


@dataclass
class Waits:
    """Answers for each sample of one group, in the order of time."""

    committed: Reader
    everything: Reader
    _ends: dict[tuple[Partition, str], Ends] = field(default_factory=dict)

    def answer(self, sample: Sample) -> dict[Partition, Waiting]:
        """The answer for each partition of this sample."""
        # A topic that was made anew has another id, and begins anew.
        keys = {p: (p, offsets.topic_id) for p, offsets in sample.offsets.items()}
        self._ends = {key: self._ends.get(key, Ends()) for key in keys.values()}
        for p, offsets in sample.offsets.items():
            self._ends[keys[p]].add(sample.asked_ms, sample.seen_ms, offsets.end)
        positions = {p: max(o.committed or 0, o.start) for p, o in sample.offsets.items()}
        ids = {p: o.topic_id for p, o in sample.offsets.items()}
        stable = {p: at for p, at in positions.items() if at < sample.offsets[p].stable}
        read = self.committed.read(stable, ids)
        blocked = {
            p: max(at, sample.offsets[p].stable)
            for p, at in positions.items()
            if sample.offsets[p].stable < sample.offsets[p].end and not isinstance(read.get(p), Found)
        }
        behind = self.everything.read(blocked, ids)
        return {
            p: self._of(p, sample, positions[p], read.get(p), behind.get(p), asked=p in stable)
            for p in sample.offsets
        }

    def _of(
        self,
        partition: Partition,
        sample: Sample,
        position: int,
        read: Found | Nothing | None,
        behind: Found | Nothing | None,
        *,
        asked: bool,
    ) -> Waiting:
        offsets = sample.offsets[partition]
        if offsets.committed is None:
            return self._uncommitted(partition, sample, read)
        lag, note = max(offsets.end - position, 0), ""
        kind: Kind = "age"
        if offsets.committed > offsets.end:
            kind, note = "ahead", f"committed {offsets.committed:,}, the log ends at {offsets.end:,}"
        elif offsets.committed < offsets.start:
            kind, note = "deleted", f"{offsets.start - offsets.committed:,} records were deleted unread"
        elif asked and read is None:
            kind, note = "unknown", "no broker has answered with the record"
        elif not isinstance(read, Found):
            kind = "blocked" if offsets.stable < offsets.end else "none"
            note = "behind an open transaction" if kind == "blocked" else ""
        record = next((found for found in (read, behind) if isinstance(found, Found)), None)
        if record is None or kind in ("ahead", "unknown"):
            return Waiting(kind, lag=0 if kind == "none" else lag, note=note)
        seconds, at_most, stamp = self._age(partition, record, sample)
        return Waiting(kind, seconds, at_most, lag, record.offset, "; ".join(filter(None, (note, stamp))))

    def _uncommitted(self, partition: Partition, sample: Sample, read: Found | Nothing | None) -> Waiting:
        """A group that never committed here may have begun at the end of the log, or not at all.

        What came since the first sample waits certainly; what was there before, possibly.
        """
        offsets = sample.offsets[partition]
        ends = self._ends[(partition, offsets.topic_id)]
        first, lag = ends.end[0], offsets.end - offsets.start
        if not lag:
            return Waiting("none", note="never committed")
        seconds = 0.0
        if offsets.end > first:
            _, latest = ends.came_between(max(first, offsets.start))
            seconds = max(sample.seen_ms - latest, 0.0) / 1000
        at_most = seconds
        if isinstance(read, Found):
            at_most = max((sample.seen_ms - read.timestamp_ms) / 1000, seconds)
        return Waiting("uncommitted", seconds, at_most, lag, offsets.start, "never committed")

    def _age(self, partition: Partition, record: Found, sample: Sample) -> tuple[float, float, str]:
        """How long the record has been waiting, at least and at most, and what its timestamp hides."""
        key = (partition, sample.offsets[partition].topic_id)
        earliest, latest = self._ends[key].came_between(record.offset)
        stamp, now = record.timestamp_ms, sample.seen_ms
        if record.appended or earliest - CLOCK_MS <= stamp <= latest + CLOCK_MS:
            age = max(now - stamp, 0.0) / 1000
            return age, age, ""
        off = (min(max(stamp, earliest), latest) - stamp) / 1000
        note = f"CreateTime is {abs(off):,.1f} s {'older' if off > 0 else 'newer'}"
        at_most = (now - earliest) / 1000 if earliest > 0 else (now - latest) / 1000
        return max(now - latest, 0.0) / 1000, at_most, note
