"""What a consumer lost: the messages that it passed over, those that it never read, and others' losses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairpoll.base.text import count_text, plain
from fairpoll.checkers.assignment import assigned_at
from fairpoll.checkers.finding import examples
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import acked_at, held_since, missing
from fairpoll.evidence.records import Array
from fairpoll.evidence.retimed import hindrance_text, throttled_spans

# A consumer that delivered nothing for this long has stalled, as in the drain (real seconds).
STILL_DELIVERING_SECONDS = 10.0


@dataclass(frozen=True)
class Losses:
    """The rows of acked messages that are not in the sink, nor dead letters or rejected.

    The consumer passed over the `good` and the `poison` ones: it delivered, put aside or committed an offset
    beyond them. `unread` are those that it never came to. `dropped` are those that the broker itself did not
    have any more at the end, which is not the consumer's loss.
    """

    recording: Recording
    consumer: str
    good: Array
    poison: Array
    unread: Array
    dropped: Array

    @classmethod
    def of(cls, recording: Recording, consumer: str) -> "Losses":
        """The losses of this consumer."""
        messages, lost = recording.acked, missing(recording, consumer)
        dropped = np.zeros(len(lost), bool)
        for partition, first in recording.log_start.items():
            span = messages.by_partition.get(partition, slice(0, 0))
            here = (lost >= span.start) & (lost < span.stop)
            dropped |= here & (messages.offset[lost] < first)
        poison = messages.poison[lost]
        reached = _last_reached(recording, consumer)[messages.partition_numbers(lost)]
        passed = ~dropped & (messages.offset[lost] <= reached)
        unread = lost[~dropped & ~passed]
        return cls(recording, consumer, lost[passed & ~poison], lost[passed & poison], unread, lost[dropped])

    @property
    def began_at_end(self) -> bool:
        """Whether each partition lacks only its first messages: those from before its assignment.

        That is what `auto.offset.reset=latest`, the default of most clients, does to a new group.
        """
        recording, messages = self.recording, self.recording.acked
        assigned, speed = assigned_at(recording, self.consumer), recording.speed
        lost = np.zeros(len(messages), bool)
        lost[self.good] = lost[self.poison] = lost[self.unread] = lost[self.dropped] = True
        for partition, rows in messages.by_partition.items():
            count = int(np.count_nonzero(lost[rows]))
            if not count:
                continue
            acked = acked_at(recording, rows)
            if not (assigned[partition] and lost[rows][:count].all()):
                return False
            # The client asks for the end of the log some time after its assignment.
            since = assigned[partition][0]
            if acked[count - 1] > since + speed or (count < len(acked) and acked[count] < since):
                return False
        return bool(len(self.good)) and not self.delivered_nothing

    @property
    def count(self) -> int:
        """How many messages the consumer passed over or never read."""
        return len(self.good) + len(self.poison) + len(self.unread)

    @property
    def measured(self) -> str:
        """The counts for a table: `5 lost`, `5 lost, 39 never read`."""
        unread = f", {len(self.unread):,} never read" if len(self.unread) else ""
        return f"{self.count - len(self.unread):,} lost{unread}"

    @property
    def cut_off(self) -> str:
        """Why the consumer may only have been late: the drain ended while it still delivered; otherwise "".

        Or while a client quota kept it from delivering. That excuses no message that it passed over.
        """
        recording, facts = self.recording, self.recording.facts
        if len(self.unread) < self.count or self.delivered_nothing:
            return ""
        since = recording.drained_until - STILL_DELIVERING_SECONDS * recording.speed
        if any(until >= since for _, until in throttled_spans(recording, self.consumer)):
            return hindrance_text(recording, self.consumer)
        delivered = recording.consumers[self.consumer].delivered.at
        if not facts.drain or delivered.max(initial=-np.inf) < since:
            return ""
        took = ((facts.drained_ms or 0.0) - (facts.drain_ms or 0.0)) / 1000
        return f"the drain was cut off after {took:.0f} s"

    @property
    def text(self) -> str:
        """The sentence: what was lost, and which messages."""
        messages = self.recording.acked
        if self.delivered_nothing and len(messages):
            of = count_text(len(messages), "acked message")
            silent = self.recording.consumers[self.consumer].took_nothing
            unseen = (
                ": no output file, no records_consumed event and no commit of it was seen" if silent else ""
            )
            return f"{self.consumer} delivered none of {of}, expected all{unseen}{self._logged}"
        # Without a loss there is nothing to tell apart.
        poison = int(np.count_nonzero(messages.poison)) if len(self.good) or len(self.poison) else 0
        kind, total = ("good", len(messages) - poison) if poison else ("acked", len(messages))
        clauses = []
        if len(self.good) or not self.count:
            of = f"{len(self.good):,} of {count_text(total, f'{kind} message')}"
            began = "began at the end of the log (auto.offset.reset is not earliest): it "
            why = began if self.began_at_end else ""
            clauses.append(f"{why}lost {of}, expected 0{self._named(self.good)}")
        if len(self.poison):
            dropped = f"dropped {count_text(len(self.poison), 'poison message')} without a trace"
            clauses.append(f"{dropped}, expected a dead letter or a report of each{self._named(self.poison)}")
        if len(self.unread):
            clauses.append(f"never read {self._unread_text()}, expected 0{self._named(self.unread)}")
        return f"{self.consumer} {'; and '.join(clauses)}"

    def _unread_text(self) -> str:
        """`39 records of low/0 that the broker holds`; recordings may lack what the broker holds."""
        messages = self.recording.acked
        partitions = {messages.partitions[n] for n in messages.partition_numbers(self.unread).tolist()}
        topic, number = min(partitions)
        where = f"{topic}/{number}" if len(partitions) == 1 else count_text(len(partitions), "partition")
        holds = " that the broker holds" if partitions <= self.recording.log_start.keys() else ""
        return f"{count_text(len(self.unread), 'record')} of {where}{holds}"

    @property
    def _logged(self) -> str:
        """The end of the sentence on a consumer that delivered nothing: the last lines of its log.

        `stays_alive` has those of a process that ended on its own.
        """
        processes = self.recording.processes_of(self.consumer)
        logs = [plain(p.last_output) for p in processes if p.last_output and not p.ended_on_its_own]
        return f"; its log ended with: {logs[-1]}" if logs else ""

    @property
    def delivered_nothing(self) -> bool:
        """Whether none of the acked messages is in the sink or among the dead letters."""
        history = self.recording.consumers[self.consumer]
        return not (np.isfinite(self.recording.first(self.consumer)).any() or history.dead_letters)

    def _named(self, rows: Array) -> str:
        named: Sequence[int] = rows.tolist()
        return examples((self.recording.acked.record_id(row) for row in named), len(rows))


def _last_reached(recording: Recording, consumer: str) -> Array:
    """The highest offset of each partition that the consumer delivered, put aside or committed; -1: none."""
    history, messages = recording.consumers[consumer], recording.acked
    reached = np.full(len(messages.partitions), -1)
    taken = np.flatnonzero(np.isfinite(held_since(recording, consumer)))
    np.maximum.at(reached, messages.partition_numbers(taken), messages.offset[taken])
    committed = [((c.topic, c.partition), c.offset) for c in history.commits]
    for partition, offset in (*committed, *(history.final_offsets or {}).items()):
        if (number := messages.numbers.get(partition)) is not None:
            reached[number] = max(reached[number], offset - 1)
    return reached
