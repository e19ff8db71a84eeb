"""Waiting and throughput over many runs of the suites, by their verdict.json files."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import cycle
from pathlib import Path

from fairpoll.base.errors import HistoryError
from fairpoll.evidence import layout
from fairpoll.reports.charts import KNOWN_COLORS, OTHER_COLORS, Panel, Series, Style, panels
from fairpoll.reports.page import html_page, wide
from fairpoll.reports.tables import html_table
from fairpoll.verdicts.series import Point
from fairpoll.verdicts.verdict_json import ConsumerFigures, JudgedRun, read_runs

COLUMNS = ("run", "made (UTC)", "cluster", "consumer", "oldest low-volume wait (s)", "records/s", "verdict")
HEADING = "Waiting and throughput over the runs"


@dataclass(frozen=True)
class Dated:
    """A run and its time, which its run id begins with."""

    made: datetime
    run: JudgedRun


def read_all(folder: Path) -> tuple[list[Dated], list[str]]:
    """Every run at or below the folder, the oldest first, and the reasons why files were ignored.

    A run counts once, also if it is in two verdict.json files. Raises HistoryError if there is no run.
    """
    found: dict[str, Dated] = {}
    ignored = []
    for path in sorted(folder.rglob(layout.VERDICT)):
        try:
            for run in read_runs(path):
                if not run.run_id:
                    continue  # could not be run
                found.setdefault(run.run_id, Dated(_made(run.run_id), run))
        except HistoryError as error:
            ignored.append(str(error))
    if not found:
        why = f": {'; '.join(ignored)}" if ignored else ""
        raise HistoryError(f"{folder}: no run with a {layout.VERDICT} at or below it{why}")
    return sorted(found.values(), key=lambda dated: (dated.made, dated.run.run_id)), ignored


def trend(runs: Sequence[Dated], ignored: Sequence[str] = ()) -> str:
    """The page: for each scenario a chart of its runs in the order of time, and their figures."""
    groups: dict[str, list[Dated]] = {}
    for dated in runs:
        groups.setdefault(_title(dated.run), []).append(dated)
    first, last = runs[0].made, runs[-1].made
    made = f"Runs: {len(runs):,}, made from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC."
    body = f"<h1>{HEADING}</h1><p>{made}</p>"
    for title in sorted(groups):
        body += wide(_chart(title, groups[title])) + wide(_table(title, groups[title]))
    if ignored:
        body += "<p>Ignored files:</p><ul>" + "".join(f"<li>{escape(why)}</li>" for why in ignored) + "</ul>"
    return html_page(HEADING, body)


def _made(run_id: str) -> datetime:
    """The start of the run, with which its id begins. Raises HistoryError."""
    match = re.match(r"\d{8}-\d{6}(?=-|$)", run_id)
    try:
        return datetime.strptime(match[0] if match else "", "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise HistoryError(f"run id {run_id!r} does not begin with a date, as 20260131-235959 does") from None


def _title(run: JudgedRun) -> str:
    """The title of comparable runs. At another speed, delays that are not scaled have another weight."""
    return run.name + (f", at speed {run.speed:g}" if run.speed != 1 else "")


def _chart(title: str, runs: Sequence[Dated]) -> str:
    waits = _series(runs, lambda figures: figures.low_volume_oldest_wait_seconds)
    rates = _series(runs, lambda figures: figures.records_per_second)
    stack = [
        Panel("Oldest wait of a low-volume message", "seconds of the scenario", waits),
        Panel("Throughput", "records per second of the scenario", rates),
    ]
    return panels(title, "run, numbered as in the table below", stack)


def _series(runs: Sequence[Dated], figure: Callable[[ConsumerFigures], float]) -> list[Series]:
    """One line a consumer, with a colour of its own, then (without more colours) another style."""
    consumers = sorted({consumer for dated in runs for consumer in dated.run.figures})
    colors = cycle(OTHER_COLORS)
    series = []
    for rank, consumer in enumerate(consumers):
        points: list[Point] = [
            (number, figure(dated.run.figures[consumer]))
            for number, dated in enumerate(runs, start=1)
            if consumer in dated.run.figures
        ]
        style: Style = "solid" if rank < len(KNOWN_COLORS) + len(OTHER_COLORS) else "dashed"
        color = KNOWN_COLORS[consumer] if consumer in KNOWN_COLORS else next(colors)
        series.append(Series(consumer, points, color, style))
    return series


def _table(title: str, runs: Sequence[Dated]) -> str:
    rows = [
        (
            str(number),
            f"{dated.made:%Y-%m-%d %H:%M}",
            dated.run.cluster,
            consumer,
            f"{figures.low_volume_oldest_wait_seconds:,.1f}",
            f"{figures.records_per_second:,.1f}",
            dated.run.verdict,
        )
        for number, dated in enumerate(runs, start=1)
        for consumer, figures in sorted(dated.run.figures.items())
    ]
    return html_table(COLUMNS, rows, caption=f"{title}: the runs, the oldest first")
