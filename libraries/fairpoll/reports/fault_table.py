"""The table of injected faults, in Markdown, from the verdict.json of a run of the fault suites."""

from collections.abc import Mapping
from pathlib import Path

from fairpoll.base.errors import HistoryError
from fairpoll.checkers.finding import Finding
from fairpoll.reports.tables import markdown_table
from fairpoll.verdicts.verdict_json import JudgedRun, read_verdict

HEAD = ("fault", "messages acked", "lost", "forbidden redeliveries", "recovery", "verdict")


def fault_table(verdict: Path) -> str:
    """One row a run and consumer. Raises HistoryError when no fault was injected into any run in the file."""
    rows = [row for run in read_verdict(verdict).runs for row in fault_rows(run)]
    if not rows:
        raise HistoryError(f"{verdict}: no fault was injected into any run in it")
    return markdown_table(HEAD, rows)


def fault_rows(run: JudgedRun) -> list[tuple[str, ...]]:
    """One row a consumer that was judged; `-` for a criterion that was not."""
    found: dict[str, dict[str, Finding]] = {}
    for finding in run.findings:
        found.setdefault(finding.consumer, {})[finding.check] = finding
    return [
        (
            _named([fault.what for fault in run.faults]),
            _figure(findings, "nothing_lost", "acked"),
            _figure(findings, "nothing_lost", "lost"),
            _figure(findings, "no_forbidden_duplicates", "count"),
            findings["recovers_within"].measured,
            "pass" if {finding.status for finding in findings.values()} == {"pass"} else "FAIL",
        )
        for findings in found.values()
        if run.faults and "recovers_within" in findings
    ]


def _figure(findings: Mapping[str, Finding], check: str, name: str) -> str:
    """`-` where the criterion was not judged, or judged without evidence."""
    number = findings[check].figures.get(name) if check in findings else None
    return "-" if number is None else f"{number:,}"


def _named(faults: list[str]) -> str:
    """Each once, in the order of time, with how often: `killed async (5 times)`."""
    times = {what: faults.count(what) for what in faults}
    return "; ".join(f"{what} ({count} times)" if count > 1 else what for what, count in times.items())
