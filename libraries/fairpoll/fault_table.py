"""The table of faults survived, in Markdown, from the verdict.json of a run of the fault suites."""

import json
from pathlib import Path
from typing import Any

from fairpoll.errors import HistoryError
from fairpoll.tables import markdown_table

HEAD = ("what was done", "messages acked", "lost", "repeated without need", "recovery", "verdict")


def fault_table(verdict: Path) -> str:
    """One row a run and consumer. Raises HistoryError when no run in the file was harmed."""
    try:
        runs = json.loads(verdict.read_text("utf-8"))["runs"]
        rows = [row for run in runs if run["faults"] for row in _rows(run)]
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryError(f"{verdict}: not a verdict.json of this version: {error!r}") from None
    if not rows:
        raise HistoryError(f"{verdict}: nothing was done to any run in it")
    return markdown_table(HEAD, rows)


def _rows(run: dict[str, Any]) -> list[tuple[str, ...]]:
    found: dict[str, dict[str, Any]] = {}
    for finding in run["findings"]:
        found.setdefault(finding["consumer"], {})[finding["check"]] = finding
    return [
        (
            _told([fault["what"] for fault in run["faults"]]),
            f"{findings['nothing_lost']['figures']['acked']:,}",
            f"{findings['nothing_lost']['figures']['lost']:,}",
            f"{findings['no_forbidden_duplicates']['figures']['count']:,}",
            findings["recovers_within"]["measured"],
            "pass" if {finding["status"] for finding in findings.values()} == {"pass"} else "FAIL",
        )
        for findings in found.values()
        if "recovers_within" in findings
    ]


def _told(faults: list[str]) -> str:
    """Each once, in the order of time, with how often: `killed async (5 times)`."""
    times = {what: faults.count(what) for what in faults}
    return "; ".join(f"{what} ({count} times)" if count > 1 else what for what, count in times.items())
