"""A consumer known only by its group's commits: what was delivered is seen no sooner than it is committed."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Any

from fairpoll.checkers.model import Finding
from fairpoll.evidence.history import ConsumerHistory


def commit_interval(history: ConsumerHistory) -> float:
    """How far apart, in scenario seconds, its commits moved on, at the median; 0 when it cannot be told."""
    moved: dict[float, None] = {}
    last: dict[tuple[str, int], int] = {}
    for commit in history.commits:
        spot = (commit.topic, commit.partition)
        if commit.offset > last.get(spot, 0):
            last[spot] = commit.offset
            moved[commit.at] = None
    moments = list(moved)
    gaps = [after - before for before, after in pairwise(moments)]
    return median(gaps) if gaps else 0.0


def allowed_for(interval: float, thresholds: Mapping[str, Any]) -> dict[str, Any] | None:
    """The thresholds with a commit interval's time on top; None where it is not time that is judged."""
    if "seconds" not in thresholds:
        return None
    return {**thresholds, "seconds": thresholds["seconds"] + interval}


def in_doubt(finding: Finding, interval: float) -> Finding:
    """A failure that may be the commits' coarseness."""
    why = f"{finding.sentence} (by its commits alone, which came {interval:.1f} s apart)"
    return replace(finding, status="inconclusive", sentence=why)
