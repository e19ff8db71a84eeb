"""`fairpoll compare`: what got better or worse between two runs."""

import sys
from pathlib import Path

import click

from fairpoll.cli.options import VERDICT
from fairpoll.reports.compare import changes, comparison
from fairpoll.verdicts.verdict_json import read_runs


@click.command(short_help="What got better or worse between two runs.")
@click.argument("before", type=VERDICT)
@click.argument("after", type=VERDICT)
@click.option("--all", "everything", is_flag=True, help="Show unchanged criteria as well.")
def compare(before: Path, after: Path, everything: bool) -> None:
    """Print, in Markdown, each criterion whose verdict changed, with both measured values.

    BEFORE and AFTER are verdict.json files or folders that have one. Exit code 1 if a criterion got worse
    (pass, inconclusive, fail, in this order), else 0. Criteria in only one of the runs do not count.
    """
    old, new = read_runs(before), read_runs(after)
    click.echo(comparison(old, new, names=(str(before), str(after)), everything=everything))
    sys.exit(1 if any(change.kind == "worse" for change in changes(old, new)) else 0)
