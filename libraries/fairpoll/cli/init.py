"""`fairpoll init`: writes a small project for one's own consumer."""

from importlib.resources import files
from pathlib import Path

import click

from fairpoll.base.disk import writing_to
from fairpoll.base.errors import FairpollError
from fairpoll.cli.options import NEW_FOLDER

# A template -> its place in the project.
FILES = {
    "consumer.robot": "consumer.robot",
    "scenario.yaml": "scenario.yaml",
    "robot.toml": "robot.toml",
    "fairpoll.yml": ".github/workflows/fairpoll.yml",
}


@click.command(short_help="Write a small project of your own.")
@click.argument("folder", default=".", type=NEW_FOLDER)
def init(folder: Path) -> None:
    """Write a suite, its scenario, profiles and a workflow into FOLDER (default: this one).

    The suite judges a built-in consumer until its variable CONSUMER names another. If one of the files exists
    already, nothing is written, and the exit code is 1.
    """
    there = [place for place in FILES.values() if (folder / place).exists()]
    if there:
        raise FairpollError(f"{folder}: {', '.join(there)} already there; nothing was written")
    templates = files("fairpoll") / "templates"
    with writing_to(folder):
        for name, place in FILES.items():
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((templates / name).read_text("utf-8"), "utf-8")
            click.echo(path)
    click.echo(f"\nNext: put your command into {folder / 'consumer.robot'}, then\n")
    click.echo(f"  robot --variable CLUSTER:mock --outputdir results {folder / 'consumer.robot'}")
