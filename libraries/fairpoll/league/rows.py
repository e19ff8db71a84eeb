"""The rows of the league: each contestant of a recording, judged and measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fairpoll.evidence.history import Recording
from fairpoll.league.contestants import Contestant
from fairpoll.scenarios.model import CONTROL, REVERSED, WRITTEN
from fairpoll.verdicts.verdict import Verdict

# A contestant that lets a low-volume message wait longer has starved it.
WAIT_SECONDS = 5.0
STALL_SECONDS = 10.0

Outcome = Literal["served", "starved", "inconclusive", "failed", "not run"]
_OUTCOMES: dict[str, Outcome] = {"pass": "served", "fail": "starved", "inconclusive": "inconclusive"}


@dataclass(frozen=True)
class Condition:
    """A condition for all contestants: with or without a backlog, as documented or tuned.

    `names` is the order of the topics' names, `written` or `reversed`.
    """

    key: str
    title: str
    backlog: bool
    tuned: bool
    names: str = WRITTEN


CONDITIONS = (
    Condition("backlog", "backlog 2,000", backlog=True, tuned=False),
    Condition("reversed", "backlog 2,000, names reversed", backlog=True, tuned=False, names=REVERSED),
    Condition("no-backlog", "no backlog", backlog=False, tuned=False),
    Condition("tuned", "backlog 2,000, tuned", backlog=True, tuned=True),
)


@dataclass(frozen=True)
class Figures:
    """The figures of a contestant, in the scenario's own time; None without the evidence.

    `throughput` is relative to the control of the same run, `backlog_left` the number of messages of the
    backlog that were undelivered when the live traffic began.
    """

    oldest_wait_seconds: float
    low_delivered: int
    low_acked: int
    high_delivered: int
    low_share: float
    throughput: float
    lost: int | None
    duplicated: int | None
    longest_silence_seconds: float
    stalled: bool
    backlog_left: int


@dataclass(frozen=True)
class Row:
    """One contestant under one condition; `why` is the finding's sentence, or the reason for having none."""

    contestant: Contestant
    condition: Condition
    outcome: Outcome
    why: str
    figures: Figures | None = None
    evidence: str = ""

    def to_json(self) -> dict[str, Any]:
        names = ("name", "client", "version", "language", "documentation")
        return {
            "contestant": self.contestant.key,
            **{name: getattr(self.contestant, name) for name in names},
            "condition": self.condition.key,
            "outcome": self.outcome,
            "why": self.why,
            "figures": vars(self.figures) if self.figures else None,
            "evidence": self.evidence,
        }


def row_of(verdict: Verdict, contestant: Contestant, condition: Condition) -> Row:
    """Judge this contestant on one recording, in which the control took part."""
    name, recording = contestant.key, verdict.recording
    alive = verdict.judge("stays_alive", name)
    if alive.status == "fail":
        return Row(contestant, condition, "failed", alive.sentence)
    wait = verdict.judge("oldest_wait_at_most", name, volume="low", seconds=WAIT_SECONDS)
    lost = verdict.judge("nothing_lost", name)
    again = verdict.judge("no_forbidden_duplicates", name)
    stall = verdict.judge("no_stall", name, seconds=STALL_SECONDS)
    measured = verdict.figures[name]
    control = verdict.figures[CONTROL].total_delivered
    low, high = recording.topics_of("low"), recording.topics_of("high")
    figures = Figures(
        oldest_wait_seconds=measured.low_volume_oldest_wait_seconds,
        low_delivered=recording.delivered_in_window(name, low),
        low_acked=recording.acked.count_of(low),
        high_delivered=recording.delivered_in_window(name, high),
        low_share=measured.low_volume_share,
        throughput=round(measured.total_delivered / control, 4) if control else 0.0,
        lost=_count(lost.figures, "lost"),
        duplicated=_count(again.figures, "count"),
        longest_silence_seconds=float(stall.figures["longest_silence_seconds"] or 0),
        stalled=stall.status == "fail",
        backlog_left=_backlog_left(recording, name),
    )
    return Row(contestant, condition, _OUTCOMES[wait.status], wait.sentence, figures)


def _count(figures: Mapping[str, float | int | str | None], name: str) -> int | None:
    found = figures.get(name)
    return found if isinstance(found, int) else None


def _backlog_left(recording: Recording, consumer: str) -> int:
    # A message that was never delivered has an infinite time of delivery.
    return int(np.count_nonzero(recording.acked.backlog & (recording.first(consumer) >= 0)))
