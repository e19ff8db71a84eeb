"""The table of faults survived, in Markdown, from the verdict.json of a run of the fault suites."""

import json
from pathlib import Path
from typing import Any

from fairpoll.base.errors import HistoryError
from fairpoll.reports.tables import markdown_table

HEAD = ("what was done", "messages acked", "lost", "repeated without need", "recovery", "verdict")


def fault_table(verdict: Path) -> str:
    """One row a run and consumer. Raises HistoryError when no run in the file was harmed."""
    try:
        runs = json.loads(verdict.read_text("utf-8"))["runs"]
        rows = [row for run in runs for row in fault_rows(run)]
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryError(f"{verdict}: not a verdict.json of this version: {error!r}") from None
    if not rows:
        raise HistoryError(f"{verdict}: nothing was done to any run in it")
    return markdown_table(HEAD, rows)


def fault_rows(run: dict[str, Any]) -> list[tuple[str, ...]]:
    """The rows of one run of a verdict.json: one a consumer that was judged; `-` for what was not."""
    found: dict[str, dict[str, Any]] = {}
    for finding in run["findings"]:
        found.setdefault(finding["consumer"], {})[finding["check"]] = finding
    return [
        (
            _told([fault["what"] for fault in run["faults"]]),
            _figure(findings, "nothing_lost", "acked"),
            _figure(findings, "nothing_lost", "lost"),
            _figure(findings, "no_forbidden_duplicates", "count"),
            findings["recovers_within"]["measured"],
            "pass" if {finding["status"] for finding in findings.values()} == {"pass"} else "FAIL",
        )
        for findings in found.values()
        if run["faults"] and "recovers_within" in findings
    ]


def _figure(findings: dict[str, dict[str, Any]], check: str, name: str) -> str:
    """Not judged, or judged without evidence: there is no such figure."""
    number = findings.get(check, {}).get("figures", {}).get(name)
    return "-" if number is None else f"{number:,}"


def _told(faults: list[str]) -> str:
    """Each once, in the order of time, with how often: `killed async (5 times)`."""
    times = {what: faults.count(what) for what in faults}
    return "; ".join(f"{what} ({count} times)" if count > 1 else what for what, count in times.items())
