"""`fairpoll trend`: waiting and throughput over many runs, as a page."""

from pathlib import Path

import click

from fairpoll.base.disk import writing_to
from fairpoll.cli.options import FOLDER
from fairpoll.reports.trend import read_all
from fairpoll.reports.trend import trend as trend_page


@click.command(short_help="Waiting and throughput over many runs, as a page.")
@click.argument("folder", type=FOLDER)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page to write.  [default: trend.html in FOLDER]",
)
def trend(folder: Path, output: Path | None) -> None:
    """Draw the oldest low-volume wait and the throughput of every scenario and consumer over its runs.

    Reads each verdict.json at or below FOLDER; the runs are ordered by their dates.
    """
    runs, ignored = read_all(folder)
    path = output or folder / "trend.html"
    with writing_to(path.parent):
        path.write_text(trend_page(runs, ignored), "utf-8")
    click.echo(path)
