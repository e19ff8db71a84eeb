"""The verdict on a group that was watched: did any topic's oldest message wait longer than it may?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairpoll.base.text import count_text
from fairpoll.checkers.finding import Status
from fairpoll.contract.records import Partition
from fairpoll.watch.group import Row, State

# Kafka Connect's offset.flush.interval.ms, the longest default of all clients that were measured.
SLOWEST_COMMITS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """One topic against its budget (seconds), in one sentence."""

    topic: str
    budget: float
    status: Status
    sentence: str


@dataclass
class Budgets:
    """Holds the longest wait of each topic against its budget; `seconds` maps topics to budgets.

    A wait is seen by what the group commits, and so is overstated by up to the time between two commits. A
    wait that is beyond the budget only with that time, or only if the message came as early as possible, is
    inconclusive.
    """

    seconds: Mapping[str, float]
    # The longest wait of each partition, at least and at most, and the second at which it was seen.
    _at_least: dict[Partition, tuple[float, Row, float]] = field(default_factory=dict)
    _at_most: dict[Partition, tuple[float, Row, float]] = field(default_factory=dict)
    # The longest time between two commits of each partition; 0 while none was seen.
    _apart: dict[Partition, float] = field(default_factory=dict)
    _unknown: Counter[str] = field(default_factory=Counter)

    def take(self, state: State) -> None:
        for row in state.rows:
            if row.topic not in self.seconds:
                continue
            partition, wait = (row.topic, row.partition), row.waiting
            self._unknown[row.topic] += wait.kind in ("unknown", "ahead")
            self._apart[partition] = row.commit_seconds
            for longest, seconds in ((self._at_least, wait.seconds), (self._at_most, wait.at_most)):
                if partition not in longest or seconds > longest[partition][0]:
                    longest[partition] = (seconds, row, state.seconds)

    def judged(self) -> Sequence[Judgement]:
        """A judgement for each budget; inconclusive for a topic that was never seen."""
        return [
            Judgement(topic, budget, *self._judged(topic, budget)) for topic, budget in self.seconds.items()
        ]

    def _judged(self, topic: str, budget: float) -> tuple[Status, str]:
        partitions = [partition for partition in self._at_most if partition[0] == topic]
        if not partitions:
            return "inconclusive", f"topic {topic} was not seen"
        certain = {p: self._at_least[p][0] - (self._apart[p] or SLOWEST_COMMITS_SECONDS) for p in partitions}
        worst = max(partitions, key=lambda p: certain[p])
        if certain[worst] > budget:
            return "fail", self._sentence(self._at_least[worst], budget)
        possible = max(partitions, key=lambda p: self._at_most[p][0])
        sentence = self._sentence(self._at_most[possible], budget)
        if self._at_most[possible][0] > budget:
            return "inconclusive", sentence + self._why(possible, budget)
        if unknown := self._unknown[topic]:
            return "inconclusive", f"{sentence}; {count_text(unknown, 'time')} no answer was had"
        return "pass", sentence

    def _sentence(self, longest: tuple[float, Row, float], budget: float) -> str:
        _, row, at = longest
        wait = row.waiting
        length = (
            f"{wait.seconds:.1f}"
            if wait.at_most <= wait.seconds
            else f"{wait.seconds:.1f} to {wait.at_most:.1f}"
        )
        note = f" ({wait.note})" if wait.note else ""
        return (
            f"the oldest message of {row.topic}/{row.partition} had been waiting for {length} s at second "
            f"{at:.1f}, allowed {budget:g} s{note}"
        )

    def _why(self, partition: Partition, budget: float) -> str:
        """Why the wait may be within its budget nevertheless; "" if its beginning is the doubt."""
        if self._at_least[partition][0] <= budget:
            return ""
        if apart := self._apart[partition]:
            return f"; the group's commits came up to {apart:.1f} s apart, by which a wait may be overstated"
        return (
            f"; no two commits were seen there, and some clients commit every {SLOWEST_COMMITS_SECONDS:g} s"
        )
