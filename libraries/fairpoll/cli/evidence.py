"""`fairpoll evidence`: hand in the files of a run through a topic of the cluster, and fetch them."""

from pathlib import Path

import click

from fairpoll.cli.options import (
    FOLDER,
    NEW_FOLDER,
    SHARED_ENVIRONMENT,
    FiniteRange,
    bootstrap_option,
    checked_run_id,
    evidence_topic_option,
    run_id_option,
)
from fairpoll.cli.process import connection
from fairpoll.cluster.connection import require_broker
from fairpoll.run.distributed import fetching
from fairpoll.run.distributed.handover import pull as fetch_files
from fairpoll.run.distributed.handover import push as hand_in
from fairpoll.run.distributed.run_topic import RunTopic


@click.group(short_help="Hand in files of a run, and fetch them to be judged.")
def evidence() -> None:
    """Hand in files of a run through a topic of the cluster, and fetch them to be judged."""


@evidence.command(short_help="Hand in a folder.", context_settings=SHARED_ENVIRONMENT)
@bootstrap_option
@evidence_topic_option(required=True)
@run_id_option
@click.argument("folder", type=FOLDER)
def push(bootstrap_servers: str, evidence_topic: str, run_id: str, folder: Path) -> None:
    """Hand in every file of FOLDER under its path within it.

    Files that were handed in before are not sent again; of a file that has grown, the rest is sent.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    with RunTopic(connection(bootstrap_servers), evidence_topic) as topic:
        sent = hand_in(topic, run_id, [(path, path.relative_to(folder).as_posix()) for path in files])
    click.echo(f"{len(files):,} files handed in, {sent:,} bytes sent")


@evidence.command(short_help="Fetch a run's recording.", context_settings=SHARED_ENVIRONMENT)
@bootstrap_option
@evidence_topic_option(required=True)
@click.option(
    "--run-id", callback=checked_run_id, show_envvar=True, help="The run.  [default: the last planned one]"
)
@click.option(
    "--wait-seconds",
    type=FiniteRange(min=0),
    default=0.0,
    help="Longest wait for the parts to end; the files that are there then are fetched. A part of a run "
    f"that has started is given up after {fetching.SILENT_SECONDS:g} s without a sign of life.",
)
@click.argument("folder", type=NEW_FOLDER)
def pull(
    bootstrap_servers: str, evidence_topic: str, run_id: str | None, wait_seconds: float, folder: Path
) -> None:
    """Write a run's recording into FOLDER, to be judged by `fairpoll judge FOLDER`.

    Missing evidence of a part makes the verdict inconclusive, which names the part.
    """
    config = connection(bootstrap_servers)
    require_broker(config)
    with RunTopic(config, evidence_topic) as topic:
        run = fetching.awaited_run(topic, run_id, wait_seconds, lambda text: click.echo(text, err=True))
        if run is None:  # handed in by `fairpoll evidence push`: a recording with a run.json of its own
            cut_off = fetch_files(topic, run_id or "", folder)
            click.echo(f"{folder}: {', '.join(cut_off) + ' in part' if cut_off else 'whole'}")
        else:
            fetching.fetch(topic, run, folder)
            here, parts = len(run.parts) - len(run.missing(run.done)), len(run.parts)
            click.echo(f"{folder}: run {run.run_id}, {here} of {parts} parts")
