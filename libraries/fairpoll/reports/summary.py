"""A run's verdict.json as Markdown: for the summary of a CI job, for a pull request."""

from collections.abc import Sequence

from fairpoll.reports.tables import NOTHING, markdown_table, markdown_text
from fairpoll.verdicts.verdict_json import JudgedRun, worst

RUNS = ("scenario", "consumer", "criteria met", "oldest low-volume wait", "records/s", "verdict")
UNMET = ("scenario", "consumer", "criterion", "expected", "measured", "verdict")
MOST_UNMET = 20  # verdict.json has them all


def summary(runs: Sequence[JudgedRun]) -> str:
    """The verdict, a row for each run and consumer, and the criteria that were not met."""
    clusters = ", ".join(dict.fromkeys(run.cluster for run in runs if run.cluster))
    parts = [
        f"**Fairpoll: {worst(run.verdict for run in runs)}** on {markdown_text(clusters or NOTHING)}",
        markdown_table(RUNS, [row for run in runs for row in _rows(run)]),
    ]
    unmet = [
        (run.name, f.consumer, f.criterion, f.expected, f.measured, f.status.upper())
        for run in runs
        for f in run.findings
        if f.status != "pass"
    ]
    if unmet:
        parts += ["Not met:", markdown_table(UNMET, unmet[:MOST_UNMET])]
    if len(unmet) > MOST_UNMET:
        parts.append(f"and {len(unmet) - MOST_UNMET:,} more in verdict.json")
    return "\n\n".join(parts)


def _rows(run: JudgedRun) -> list[tuple[str, ...]]:
    """One row a consumer; criteria about the run itself count for none of them."""
    rows: list[tuple[str, ...]] = []
    for consumer, figures in run.figures.items():
        statuses = [finding.status for finding in run.findings if finding.consumer == consumer]
        met = f"{statuses.count('pass'):,} of {len(statuses):,}" if statuses else NOTHING
        waited = f"{figures.low_volume_oldest_wait_seconds:,.1f} s"
        verdict = worst(statuses).upper() if statuses else NOTHING
        rows.append((run.name, consumer, met, waited, f"{figures.records_per_second:,.1f}", verdict))
    return rows
