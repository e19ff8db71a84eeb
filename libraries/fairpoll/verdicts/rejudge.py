"""Judges existing recordings again, or those of runs that were cut off for the first time."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from fairpoll.base.errors import HistoryError
from fairpoll.checkers import DELIVERY_GUARANTEES, RUN_CRITERIA, judge
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.scenarios.model import CONTROL
from fairpoll.verdicts.verdict import Verdict

# The criteria for a recording that no suite has judged: they must hold in any scenario.
BY_DEFAULT: dict[str, dict[str, object]] = {
    "oldest_wait_at_most": {"volume": "low", "seconds": 5},
    **{name: {} for name in DELIVERY_GUARANTEES},
    "no_stall": {"seconds": 10},
}


@dataclass(frozen=True)
class _EarlierFinding:
    check: str
    consumer: str
    thresholds: dict[str, Any]


@dataclass(frozen=True)
class _Earlier:
    """The part of a verdict.json that is judged again; other keys may be those of another version."""

    findings: list[_EarlierFinding]
    not_shown: dict[str, dict[str, list[str]]] = field(default_factory=dict)


@dataclass
class Rejudged:
    """A recording judged from its files alone. `same` is None where there was no verdict before."""

    folder: Path
    verdict: Verdict
    same: bool | None

    @property
    def comparison(self) -> str:
        """How the verdict compares with the earlier one, in words."""
        if self.same is None:
            return "judged for the first time, by what must hold in any scenario"
        return "the same verdict as before" if self.same else "NOT the same verdict as before"


def recordings_in(place: Path) -> list[Path]:
    """The folders of recordings at or below this one, in the order of their names. Raises HistoryError."""
    found = sorted(path.parent for path in place.rglob(layout.RUN))
    if not found:
        raise HistoryError(f"{place}: no recording in it (no folder with a {layout.RUN})")
    return found


def judge_again(folder: Path) -> Rejudged:
    """Judge a recording by the criteria and thresholds of the verdict.json beside it, if there is one.

    Raises HistoryError.
    """
    verdict = Verdict(load_recording(folder))
    path = folder / layout.VERDICT
    if not path.exists():
        for criterion in RUN_CRITERIA:
            verdict.judge(criterion, "run")
        control_waits = verdict.recording.scenario.control_wait_seconds
        for consumer in verdict.recording.consumers:
            for criterion, thresholds in BY_DEFAULT.items():
                if consumer == CONTROL and control_waits and criterion == "oldest_wait_at_most":
                    # The control must starve.
                    verdict.judge("oldest_wait_at_least", consumer, volume="low", seconds=control_waits)
                else:
                    verdict.judge(criterion, consumer, **thresholds)
        return Rejudged(folder, verdict, None)
    try:
        before = path.read_text("utf-8")
        earlier = msgspec.json.decode(before, type=_Earlier)
        for consumer, kinds in earlier.not_shown.items():
            for criterion in (name for names in kinds.values() for name in names):
                verdict.judge(criterion, consumer)
        for finding in earlier.findings:
            # Appended, since a verdict.json of an earlier version may have a finding twice.
            verdict.findings.append(
                judge(finding.check, verdict.recording, finding.consumer, **finding.thresholds)
            )
    except KeyError as error:
        raise HistoryError(f"{path}: unknown criterion or consumer {error}") from None
    except (OSError, ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise HistoryError(f"{path}: not a verdict of this version: {error!r}") from None
    return Rejudged(folder, verdict, verdict.to_text() == before)
