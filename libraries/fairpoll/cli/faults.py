"""`fairpoll faults`: the table of the faults that a run survived."""

from pathlib import Path

import click

from fairpoll.cli.options import FILE
from fairpoll.reports.fault_table import fault_table


@click.command(short_help="The table of faults survived, from a run's verdict.json.")
@click.argument("verdict", type=FILE)
def faults(verdict: Path) -> None:
    """Print a table of the runs with faults, in Markdown: acked, lost, redelivered, recovery."""
    click.echo(fault_table(verdict))
