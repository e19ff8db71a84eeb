"""What a consumer lost: good messages, poison ones that it put nowhere, and what is not its loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.assignment import assigned_at
from fairpoll.checkers.finding import examples
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import acked_at, missing
from fairpoll.evidence.records import Array


@dataclass(frozen=True)
class Losses:
    """The rows of acked messages that are not in the sink, nor dead letters or rejected.

    `dropped` are those that the broker itself did not have any more at the end; the others are `good` or
    `poison`, and are the consumer's loss.
    """

    recording: Recording
    consumer: str
    good: Array
    poison: Array
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
        return cls(recording, consumer, lost[~dropped & ~poison], lost[~dropped & poison], lost[dropped])

    @property
    def passed_over(self) -> Array:
        """The rows of the good ones before a record that was delivered, or before a committed offset.

        The others may still have been waiting, as in a stall.
        """
        history, messages = self.recording.consumers[self.consumer], self.recording.acked
        reached = np.full(len(messages.partitions), -1)
        taken = np.flatnonzero(np.isfinite(self.recording.first(self.consumer)))
        np.maximum.at(reached, messages.partition_numbers(taken), messages.offset[taken])
        committed = [((c.topic, c.partition), c.offset) for c in history.commits]
        for partition, offset in (*committed, *(history.final_offsets or {}).items()):
            if (number := messages.numbers.get(partition)) is not None:
                reached[number] = max(reached[number], offset - 1)
        passed: Array = messages.offset[self.good] <= reached[messages.partition_numbers(self.good)]
        return self.good[passed]

    @property
    def began_at_end(self) -> bool:
        """Whether each partition lacks only its first messages: those from before its assignment.

        That is what `auto.offset.reset=latest`, the default of most clients, does to a new group.
        """
        recording, messages = self.recording, self.recording.acked
        assigned, speed = assigned_at(recording, self.consumer), recording.speed
        lost = np.zeros(len(messages), bool)
        lost[self.good] = lost[self.poison] = lost[self.dropped] = True
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
        """How many messages the consumer lost."""
        return len(self.good) + len(self.poison)

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
            return f"{self.consumer} delivered none of {of}, expected all{unseen}"
        # Without a loss there is nothing to tell apart.
        poison = int(np.count_nonzero(messages.poison)) if self.count else 0
        kind, total = ("good", len(messages) - poison) if poison else ("acked", len(messages))
        clauses = []
        if len(self.good) or not len(self.poison):
            of = f"{len(self.good):,} of {count_text(total, f'{kind} message')}"
            began = "began at the end of the log (auto.offset.reset is not earliest): it "
            why = began if self.began_at_end else ""
            clauses.append(f"{why}lost {of}, expected 0{self._named(self.good)}")
        if len(self.poison):
            dropped = f"dropped {count_text(len(self.poison), 'poison message')} without a trace"
            clauses.append(f"{dropped}, expected a dead letter or a report of each{self._named(self.poison)}")
        return f"{self.consumer} {'; and '.join(clauses)}"

    @property
    def delivered_nothing(self) -> bool:
        """Whether none of the acked messages is in the sink or among the dead letters."""
        history = self.recording.consumers[self.consumer]
        return not (np.isfinite(self.recording.first(self.consumer)).any() or history.dead_letters)

    def _named(self, rows: Array) -> str:
        named: Sequence[int] = rows.tolist()
        return examples((self.recording.acked.record_id(row) for row in named), len(rows))
