"""Reads verdict.json files: of a whole Robot run, or of one recording."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fairpoll.base.errors import HistoryError
from fairpoll.evidence import layout


def worst(statuses: Iterable[str]) -> str:
    """The verdict of many: fail outweighs inconclusive, that outweighs pass; nothing judged is no pass."""
    found = set(statuses)
    return next((s for s in ("fail", "inconclusive", "pass") if s in found), "inconclusive")


@dataclass(frozen=True)
class JudgedFinding:
    """One finding, as verdict.json tells it; see `checkers.Finding`. `check` is the criterion's own name."""

    check: str
    criterion: str
    consumer: str
    expected: str
    measured: str
    status: str


@dataclass(frozen=True)
class JudgedRun:
    """One run, as verdict.json tells it.

    `name` is the scenario's title, with what was done to the run. `figures` are by consumer; times in them
    are seconds of the scenario.
    """

    run_id: str
    name: str
    speed: float
    cluster: str
    verdict: str
    findings: tuple[JudgedFinding, ...]
    figures: dict[str, dict[str, Any]]


def read_runs(place: Path) -> list[JudgedRun]:
    """The runs in a verdict.json, or in the one of a folder of results. Raises HistoryError."""
    path = place / layout.VERDICT if place.is_dir() else place
    try:
        told = json.loads(path.read_text("utf-8"))
        return [*map(_run, told.get("runs", [told])), *map(_not_judged, told.get("not_judged", []))]
    except FileNotFoundError:
        raise HistoryError(f"{place}: no {layout.VERDICT} in it; nothing has been judged there") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HistoryError(f"{path}: not a verdict of this version: {error!r}") from None


def _run(told: dict[str, Any]) -> JudgedRun:
    faults = list(dict.fromkeys(_without_number(fault["what"]) for fault in told.get("faults", [])))
    return JudgedRun(
        run_id=str(told["run_id"]),
        name=str(told["scenario"]) + (f" ({'; '.join(faults)})" if faults else ""),
        speed=float(told["speed"]),
        cluster=str(told["cluster"]),
        verdict=str(told["verdict"]),
        findings=tuple(_finding(finding) for finding in told["findings"]),
        figures={str(consumer): dict(figures) for consumer, figures in told["figures"].items()},
    )


def _not_judged(told: dict[str, Any]) -> JudgedRun:
    """What could not be run or judged, as a run that is inconclusive for one reason; it has no id."""
    why = JudgedFinding(
        check="could_be_judged",
        criterion="could be judged",
        consumer="-",
        expected="yes",
        measured=str(told["reason"]),
        status="inconclusive",
    )
    return JudgedRun("", str(told["name"]), 1.0, "", why.status, (why,), {})


def _finding(told: dict[str, Any]) -> JudgedFinding:
    return JudgedFinding(**{field.name: str(told[field.name]) for field in fields(JudgedFinding)})


def _without_number(what: str) -> str:
    """Which broker led the topic is chance: the same fault has the same name in every run."""
    return re.sub(r"\bbroker \d+", "a broker", what)
