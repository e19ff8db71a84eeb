"""series.json: the conditions and curves of a recording, so that pages can be made without reading it.

It is beside verdict.json. Curves are thinned to as many points as a chart of 900 pixels can show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from fairpoll.base.errors import HistoryError
from fairpoll.evidence import layout
from fairpoll.evidence.records import Array
from fairpoll.verdicts.verdict_json import JudgedRun, JudgedSuites, read_verdict

Point = tuple[float, float]
# Enough for one line that is alone in a chart of two panels.
MOST_POINTS = 1_000
OLDEST_WAIT = "oldest_wait_at_most"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of a chart, and its label."""

    label: str
    points: Sequence[Point]


@dataclass(frozen=True, kw_only=True)
class TopicCurves:
    """The curves of all topics of a volume, or (without a volume) of one topic that was judged by itself.

    Over scenario seconds: `produced` and `delivered` are running counts, `waiting` is the age of the oldest
    waiting message. `latency` is in seconds, over percent of the live messages. All but `produced` are
    mapped from consumers.
    """

    volume: str
    topics: tuple[str, ...]
    waiting: Mapping[str, Curve]
    produced: Curve | None = None
    delivered: Mapping[str, Curve] = field(default_factory=dict)
    latency: Mapping[str, Curve] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.topics[0] if len(self.topics) == 1 else f"{len(self.topics)} {self.volume}-volume topics"


@dataclass(frozen=True, kw_only=True)
class RunSeries:
    """The conditions of a run, and its curves once they have been computed.

    `began_ms` is the start of the live traffic (Unix time).
    """

    began_ms: float | None
    duration_seconds: float
    speed: float
    sink_rate: float | None
    partitions: int
    backlog: int
    high: tuple[str, ...]
    low: tuple[str, ...]
    complete: bool
    curves: tuple[TopicCurves, ...] = ()

    @property
    def topics(self) -> tuple[str, ...]:
        return self.high + self.low

    def topics_of(self, volume: str) -> tuple[str, ...]:
        """The topics of this volume, or the one topic of this name."""
        return {"high": self.high, "low": self.low}.get(volume, (volume,))

    def of_topics(self, topics: Sequence[str]) -> TopicCurves | None:
        """The curves of exactly these topics, if there are any."""
        return next((curves for curves in self.curves if curves.topics == tuple(topics)), None)


@dataclass(frozen=True)
class StoredRun:
    """A judged recording as pages use it: its verdict, its series, and the folder of its evidence."""

    run: JudgedRun
    series: RunSeries
    folder: Path

    def budget_of(self, topics: Sequence[str]) -> float | None:
        """The smallest budget, in seconds, for the oldest wait that exactly these topics were judged by."""
        budgets = [
            finding.thresholds["seconds"]
            for finding in self.run.findings
            if finding.check == OLDEST_WAIT
            and self.series.topics_of(finding.thresholds["volume"]) == tuple(topics)
        ]
        return min(budgets, default=None)

    def write_series(self) -> None:
        """Write series.json into the folder."""
        (self.folder / layout.SERIES).write_bytes(msgspec.json.encode(self.series) + b"\n")


def read_stored(folder: Path) -> StoredRun:
    """A judged recording from its folder. Raises HistoryError without a verdict.json or series.json."""
    path = folder / layout.SERIES
    (run,) = read_verdict(folder).runs
    try:
        return StoredRun(run, msgspec.json.decode(path.read_bytes(), type=RunSeries), folder)
    except FileNotFoundError:
        raise HistoryError(
            f"{folder}: no {layout.SERIES} in it; `fairpoll judge --write {folder}` makes it"
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise HistoryError(f"{path}: not a series of this version: {error}") from None


def stored_runs(place: Path) -> tuple[list[StoredRun], JudgedSuites]:
    """The verdict.json of a folder, and the recordings that it lists, at or below that folder.

    Raises HistoryError if a recording or its series.json is missing.
    """
    judged = read_verdict(place)
    found = [read_stored(path.parent) for path in place.rglob(layout.SERIES)]
    stored = {recording.run.run_id: recording for recording in found}
    if missing := [run.run_id for run in judged.runs if run.run_id not in stored]:
        raise HistoryError(f"{place}: no {layout.SERIES} of these runs at or below it: {', '.join(missing)}")
    return [stored[run.run_id] for run in judged.runs], judged


def thin(points: Array, most: int) -> list[Point]:
    """About `most` of the points, sorted by x: the first, lowest, highest and last of each slice of x."""
    if len(points) > most:
        x, y = points.T
        # A rising count needs two points a slice, since its lowest and highest are its first and last.
        rising = bool(np.all(y[1:] >= y[:-1]))
        slices = max(1, most // (2 if rising else 4))
        width = (x[-1] - x[0]) / slices or 1.0
        slice_of = np.minimum((x - x[0]) // width, slices - 1)
        bounds = [0, *(np.flatnonzero(np.diff(slice_of)) + 1).tolist(), len(points)]
        kept: set[int] = set()
        for first, end in pairwise(bounds):
            kept |= {first, end - 1}
            if not rising:
                kept |= {first + int(y[first:end].argmin()), first + int(y[first:end].argmax())}
        points = points[sorted(kept)]
    return [(x, y) for x, y in points.tolist()]
