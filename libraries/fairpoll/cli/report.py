"""`fairpoll report`: makes pages again from the files beside the recordings."""

from pathlib import Path

import click

from fairpoll.base.disk import writing_to
from fairpoll.cli.options import FOLDER
from fairpoll.reports.run_charts import run_charts, write_charts
from fairpoll.reports.summary_page import LOG, NAME, Shown, page
from fairpoll.verdicts.series import stored_runs


@click.command(short_help="Make summary.html and the charts again.")
@click.argument("folder", type=FOLDER)
def report(folder: Path) -> None:
    """Make summary.html and the charts in FOLDER again, from each verdict.json and series.json in it.

    FOLDER is Robot's output folder or that of one recording. No recording is read. Links into
    the tests of the log are left out.
    """
    stored, judged = stored_runs(folder)
    with writing_to(folder):
        shown = [Shown(one, run_charts(one, list(one.run.figures))) for one in stored]
        for one in shown:
            write_charts(one.stored.folder, one.charts)
        reasons = {reason.name: reason.reason for reason in judged.not_judged}
        clusters = "; ".join(dict.fromkeys(one.run.cluster for one in stored))
        beside = [name for name in (LOG, "report.html", "verdict.json") if (folder / name).exists()]
        path = folder / NAME
        path.write_text(page(shown, reasons, clusters, folder, beside), "utf-8")
    click.echo(path)
