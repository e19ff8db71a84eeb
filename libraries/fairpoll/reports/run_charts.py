"""The charts of one run, from the curves that are stored beside its verdict."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fairpoll.reports.charts import KNOWN_COLORS, OTHER_COLORS, Limit, Panel, Series, Style, panels
from fairpoll.reports.svg import standalone
from fairpoll.scenarios.model import CONTROL
from fairpoll.verdicts.series import Curve, RunSeries, StoredRun, TopicCurves

WAIT_TITLE = "Age of the oldest waiting message"


def run_charts(stored: StoredRun, consumers: Sequence[str]) -> dict[str, str]:
    """The charts of these consumers as SVG text, by file name without ending; none without curves."""
    volumes = [curves for curves in stored.series.curves if curves.volume]
    if not volumes:
        return {}
    name, time = "-".join(consumers), _time_label(stored.series)
    delivered = [Panel(curves.title, "messages", _delivered(stored, curves, consumers)) for curves in volumes]
    latency = [Panel(curves.title, "seconds", _latency(stored, curves, consumers)) for curves in volumes]
    return {
        f"delivered-{name}": panels("Messages produced and delivered", time, delivered),
        **wait_charts(stored, consumers),
        f"latency-{name}": panels(
            "Latency of live messages", "percent of the messages, the quickest first", latency
        ),
    }


def wait_charts(stored: StoredRun, consumers: Sequence[str]) -> dict[str, str]:
    """The charts of waiting, by file name, with the budgets (in seconds) that topics were judged by.

    A budget for one topic of several of its volume makes a chart of its own.
    """
    name, time = f"oldest-wait-{'-'.join(consumers)}", _time_label(stored.series)
    volumes = [curves for curves in stored.series.curves if curves.volume]
    drawn = {name: panels(WAIT_TITLE, time, _waiting(stored, volumes, consumers))}
    for curves in stored.series.curves:
        if not curves.volume:
            own = f"{name}-{re.sub(r'[^A-Za-z0-9._-]+', '-', curves.title)}"
            title = f"{WAIT_TITLE} of {curves.title}"
            drawn[own] = panels(title, time, _waiting(stored, [curves], consumers))
    return drawn


def write_charts(folder: Path, drawn: Mapping[str, str]) -> list[Path]:
    """Write the charts as files into the recording's folder `charts`; their paths."""
    charts = folder / "charts"
    charts.mkdir(exist_ok=True)
    paths = [charts / f"{name}.svg" for name in drawn]
    for path, svg in zip(paths, drawn.values(), strict=True):
        path.write_text(standalone(svg), "utf-8")
    return paths


def _waiting(stored: StoredRun, shown: Sequence[TopicCurves], consumers: Sequence[str]) -> list[Panel]:
    drawn = []
    for curves in shown:
        series = {name: _series(stored, name, curves.waiting[name]) for name in consumers}
        budget = stored.budget_of(curves.topics)
        limit = None if budget is None else Limit(budget, f"at most {budget:g} s")
        # A single consumer is shaded; one beside a control is not.
        beside = limit and replace(limit, shaded=len(consumers) == 1)
        drawn.append(Panel(curves.title, "seconds", list(series.values()), beside))
        tested = [name for name in consumers if name != CONTROL]
        if curves.volume != "high" and len(consumers) > 1 and len(tested) == 1:
            # Seconds are invisible beside a control that waits for minutes.
            drawn.append(Panel(f"{curves.title}, {tested[0]} alone", "seconds", [series[tested[0]]], limit))
    return drawn


def _delivered(stored: StoredRun, curves: TopicCurves, consumers: Sequence[str]) -> list[Series]:
    drawn = [
        replace(_series(stored, name, curves.delivered[name]), style=_style(name), step=True)
        for name in consumers
    ]
    if curves.produced:
        drawn.insert(0, Series(curves.produced.label, curves.produced.points, color="neutral", step=True))
    return drawn


def _latency(stored: StoredRun, curves: TopicCurves, consumers: Sequence[str]) -> list[Series]:
    return [replace(_series(stored, name, curves.latency[name]), style=_style(name)) for name in consumers]


def _series(stored: StoredRun, consumer: str, curve: Curve) -> Series:
    """A solid line, in the colour that the consumer has in every chart of the run."""
    rank = list(stored.run.figures).index(consumer)
    color = KNOWN_COLORS.get(consumer) or OTHER_COLORS[rank % len(OTHER_COLORS)]
    return Series(curve.label, curve.points, color)


def _style(consumer: str) -> Style:
    """Dashes for all but the control, because lines of equal values cover one another."""
    return "solid" if consumer == CONTROL else "dashed"


def _time_label(series: RunSeries) -> str:
    scaled = f", run at {series.speed:g} times the speed" if series.speed != 1 else ""
    return f"seconds of the scenario{scaled}"
