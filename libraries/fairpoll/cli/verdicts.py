"""The commands that read what runs have left: judge, faults, summary, compare, trend."""

import sys
from pathlib import Path

import click

from fairpoll.base.disk import writing_to
from fairpoll.base.errors import HistoryError
from fairpoll.reports.compare import changes, comparison
from fairpoll.reports.fault_table import fault_table
from fairpoll.reports.summary import summary
from fairpoll.reports.tables import Row, text_table
from fairpoll.verdicts.verdict_json import read_runs

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
# A verdict.json, or a folder that has one.
VERDICT = click.Path(exists=True, path_type=Path)


@click.command(short_help="Judge recordings again, from their files alone.")
@click.argument("places", nargs=-1, required=True, type=FOLDER)
@click.option("--write", is_flag=True, help="Write verdict.json beside recordings that have none.")
def judge(places: tuple[Path, ...], write: bool) -> None:
    """Judge every recording in these folders, such as evidence/ beside a log, without a cluster.

    A recording with a verdict.json is judged by the same criteria and thresholds, and must come to the same
    verdict, byte for byte. One without, of a run that was cut off, is judged by what must hold in any
    scenario. Exit code 0 if every verdict is pass and the same as before, else 1.
    """
    # Only here: the consumers, which share the command `fairpoll`, start faster without numpy.
    from fairpoll.verdicts.rejudge import judge_again, recordings_in  # noqa: PLC0415

    good = True
    for folder in (folder for place in places for folder in recordings_in(place)):
        try:
            again = judge_again(folder)
        except HistoryError as error:
            click.echo(f"{folder}: cannot be judged: {error}\n")
            good = False
            continue
        rows = [
            Row(f"{f.consumer}: {f.criterion}", f.expected, f.measured, f.status)
            for f in again.verdict.findings
        ]
        verdict = again.verdict.to_json()["verdict"]
        unmet = [f"{f.status}: {f.sentence}\n" for f in again.verdict.findings if f.status != "pass"]
        click.echo(f"{folder}: {verdict}; {again.told}\n{text_table(rows)}\n{''.join(unmet)}")
        good = good and verdict == "pass" and again.same is not False
        if write and again.same is None:
            again.verdict.write()
    sys.exit(0 if good else 1)


@click.command("faults", short_help="The table of faults survived, from a run's verdict.json.")
@click.argument("verdict", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def tell_faults(verdict: Path) -> None:
    """Print, in Markdown, what each run that was harmed came to: acked, lost, repeated, recovery."""
    click.echo(fault_table(verdict))


@click.command("summary", short_help="A run's verdict.json as a table in Markdown.")
@click.argument("verdict", type=VERDICT)
def tell_summary(verdict: Path) -> None:
    """Print the verdict, a row for each scenario and consumer, and what was not met, in Markdown.

    VERDICT is a verdict.json or a folder that has one, such as results. For the summary of a CI job.
    """
    click.echo(summary(read_runs(verdict)))


@click.command(short_help="What got better or worse between two runs.")
@click.argument("before", type=VERDICT)
@click.argument("after", type=VERDICT)
@click.option("--all", "everything", is_flag=True, help="Show what did not change as well.")
def compare(before: Path, after: Path, everything: bool) -> None:
    """Print, in Markdown, each criterion whose verdict changed, with both measured values.

    BEFORE and AFTER are verdict.json files or folders that have one. Exit code 1 if a criterion got worse
    (pass, inconclusive, fail, in this order), else 0; one that appeared or went does not count.
    """
    old, new = read_runs(before), read_runs(after)
    click.echo(comparison(old, new, names=(str(before), str(after)), everything=everything))
    sys.exit(1 if any(change.kind == "worse" for change in changes(old, new)) else 0)


@click.command("trend", short_help="Waiting and throughput over many runs, as a page.")
@click.argument("folder", type=FOLDER)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page to write.  [default: trend.html in FOLDER]",
)
def draw_trend(folder: Path, output: Path | None) -> None:
    """Draw the oldest low-volume wait and the throughput of every scenario and consumer over its runs.

    Looked at is each verdict.json at or below FOLDER, in the order of the runs' dates.
    """
    # Only here: the consumers, which share the command `fairpoll`, start faster without the charts.
    from fairpoll.reports.trend import read_all, trend  # noqa: PLC0415

    runs, passed_over = read_all(folder)
    path = output or folder / "trend.html"
    with writing_to(path.parent):
        path.write_text(trend(runs, passed_over), "utf-8")
    click.echo(path)


COMMANDS = (judge, tell_faults, tell_summary, compare, draw_trend)
