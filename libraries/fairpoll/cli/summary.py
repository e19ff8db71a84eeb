"""`fairpoll summary`: a run's verdict.json as Markdown."""

from pathlib import Path

import click

from fairpoll.cli.options import VERDICT
from fairpoll.reports.summary import summary as markdown_summary
from fairpoll.verdicts.verdict_json import read_runs


@click.command(short_help="A run's verdict.json as a table in Markdown.")
@click.argument("verdict", type=VERDICT)
def summary(verdict: Path) -> None:
    """Print the verdict, a row for each scenario and consumer, and the unmet criteria, in Markdown.

    VERDICT is a verdict.json or a folder that has one, such as results. For the summary of a CI job.
    """
    click.echo(markdown_summary(read_runs(verdict)))
