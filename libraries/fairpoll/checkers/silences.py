"""The longest silence of a consumer: a time without a delivery while messages waited."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairpoll.checkers.assignment import Gap, assigned_between
from fairpoll.checkers.budgets import seconds_text
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import acked_at, passed_at
from fairpoll.evidence.records import NEVER, Array

# Shorter ones are rounding.
SHORTEST_GAP_SECONDS = 0.05
# Messages sorted at once, so that ten million need not be held twice.
SLAB_MESSAGES = 1 << 18


@dataclass(frozen=True)
class Silence:
    """A time without a delivery while messages waited; `waiting` are their rows.

    `seconds` is its length without `unassigned`, the gaps in which no member was assigned the partitions, and
    with the time in the drain in real seconds.
    """

    seconds: float
    unassigned: float
    since: float
    until: float
    waiting: Array

    def text(self, budget: float) -> str:
        """Length and beginning, for a verdict's sentence."""
        free = allowed_text(self.unassigned)
        return f"{seconds_text(self.seconds, budget)}{free} from second {self.since:.1f} on"


def allowed_text(seconds: float, held_seconds: float = 0.0) -> str:
    """The time that does not count, and how much of it the session of an ended member took."""
    if seconds <= SHORTEST_GAP_SECONDS:
        return ""
    held = f", {held_seconds:.1f} s of them in the session of a member that had ended" if held_seconds else ""
    return f" (and {seconds:.1f} s allowed without an assignment{held})"


def longest_silence(
    recording: Recording, consumer: str, partitions: Collection[Partition], gaps: Sequence[Gap]
) -> Silence:
    """The longest time with lag and without a delivery, without the time in these gaps.

    A silence begins with a delivery, or with the first ack among the messages that are delivered at its end
    or later, whichever is later. The ack counts because the broker has no message to deliver before it.
    """
    end = recording.watched_until
    times = [passed_at(recording, consumer, partition) for partition in partitions]
    acked = [acked_at(recording, rows) for _, rows in times]
    slabs = _slabs([passed for passed, _ in times], end)
    still = [sent[passed >= end].min(initial=NEVER) for (passed, _), sent in zip(times, acked, strict=True)]
    sent_first = float(min(still, default=NEVER))
    following = end
    # Length, beginning and end of the longest silence of each slab.
    silences: list[tuple[float, float, float]] = []
    # Backwards, so that the first ack among all later deliveries is known.
    for spans in reversed(slabs):
        moments = np.concatenate([passed[span] for (passed, _), span in zip(times, spans, strict=True)])
        sent = np.concatenate([column[span] for column, span in zip(acked, spans, strict=True)])
        order = np.argsort(moments, kind="stable")
        moments, sent = np.append(moments[order], following), np.append(sent[order], sent_first)
        sent = np.minimum.accumulate(sent[::-1])[::-1]
        begins = np.maximum(sent[1:], moments[:-1])
        if len(begins):
            lengths = _counted(recording, gaps, begins, moments[1:])
            worst = int(lengths.argmax())
            silences.append((float(lengths[worst]), float(begins[worst]), float(moments[worst + 1])))
        following, sent_first = float(moments[0]), float(sent[0])
    begin = max(0.0, sent_first)
    if begin < following:
        silences.append((float(_counted(recording, gaps, begin, following)), begin, following))
    length, since, until = max(reversed(silences), key=lambda silence: silence[0], default=(0.0, 0.0, 0.0))
    if length <= 0:
        return Silence(0.0, 0.0, 0.0, 0.0, np.empty(0, np.int64))
    waiting = [
        rows[(passed >= until) & (sent < until)] for (passed, rows), sent in zip(times, acked, strict=True)
    ]
    unassigned_seconds = until - since - float(assigned_between(gaps, since, until))
    return Silence(length, unassigned_seconds, since, until, np.concatenate(waiting))


def _counted(recording: Recording, gaps: Sequence[Gap], since: Any, until: Any) -> Any:
    """The seconds between these times without the gaps; those in the drain, where the sinks have no limit and
    nothing is sent any more, are real ones, except in recordings of earlier versions."""
    drain_ms = recording.facts.drain_ms if recording.waits_from_ack else None
    drain = recording.watched_until if drain_ms is None else recording.seconds(drain_ms)
    last = np.maximum(until, drain)
    in_the_drain = assigned_between(gaps, np.clip(since, drain, last), last)
    return assigned_between(gaps, since, until) - in_the_drain * (1 - 1 / recording.speed)


def _slabs(times: Sequence[Array], end: float) -> list[list[slice]]:
    """Cut the time from 0 to `end` into slabs of about SLAB_MESSAGES; for each slab, its slices of `times`.

    Each of `times` is sorted.
    """
    step = max(1, SLAB_MESSAGES // max(1, len(times)))
    some = np.sort(np.concatenate([np.empty(0), *(moments[::step] for moments in times)]))
    some = some[:: max(1, len(times))]
    edges = [0.0, *some[(some > 0) & (some < end)].tolist(), end]
    cuts = [np.searchsorted(moments, edges).tolist() for moments in times]
    return [[slice(cut[n], cut[n + 1]) for cut in cuts] for n in range(len(edges) - 1)]
