"""`fairpoll judge`: recordings, judged again from their files alone."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from fairpoll.base.errors import HistoryError
from fairpoll.cli.options import FOLDER
from fairpoll.reports.tables import text_table
from fairpoll.verdicts.rejudge import judge_again, recordings_in


@click.command(short_help="Judge recordings again, from their files alone.")
@click.argument("places", nargs=-1, required=True, type=FOLDER)
@click.option("--write", is_flag=True, help="Write verdict.json and series.json where there is no verdict.")
def judge(places: tuple[Path, ...], write: bool) -> None:
    """Judge every recording in these folders, such as evidence/ beside a log, without a cluster.

    A recording with a verdict.json is judged by the same criteria and thresholds, and must come to the same
    verdict, byte for byte. One without, of a run that was cut off, is judged by what must hold in any
    scenario. Exit code 0 if every verdict is pass and the same as before, else 1.
    """
    good = True
    for folder in (folder for place in places for folder in recordings_in(place)):
        try:
            again = judge_again(folder)
        except HistoryError as error:
            click.echo(f"{folder}: cannot be judged: {error}\n")
            good = False
            continue
        rows = [replace(f, criterion=f"{f.consumer}: {f.criterion}") for f in again.verdict.findings]
        verdict = again.verdict.worst
        unmet = [f"{f.status}: {f.sentence}\n" for f in again.verdict.findings if f.status != "pass"]
        click.echo(f"{folder}: {verdict}; {again.comparison}\n{text_table(rows)}\n{''.join(unmet)}")
        good = good and verdict == "pass" and again.same is not False
        if write and again.same is None:
            again.verdict.write()
    sys.exit(0 if good else 1)
