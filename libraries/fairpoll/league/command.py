"""What `fairpoll league` does, from its options to its exit code."""

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract import client_config
from fairpoll.league.contestants import Contestant, bizon_modes, built_in, chosen, load_examples
from fairpoll.league.pages import Setting, console, write_pages
from fairpoll.league.rows import Row
from fairpoll.league.runs import League
from fairpoll.run.progress import ConsoleProgress
from fairpoll.scenarios.file import load_scenario

SPECIFIED = Path("resources/scenarios/specified.yaml")


@dataclass(frozen=True)
class LeagueOptions:
    """The options of `fairpoll league`, by their names."""

    cluster: str
    bootstrap_servers: str
    speed: float
    only: tuple[str, ...]
    together: int
    output_folder: Path
    examples_folder: Path
    scenario_file: Path

    @property
    def command(self) -> str:
        """The command line that makes the same league again."""
        words = ["fairpoll", "league", "--cluster", self.cluster, "--speed", f"{self.speed:g}"]
        words += [
            "--together",
            str(self.together),
            *(word for name in self.only for word in ("--only", name)),
        ]
        return shlex.join(words)


def contestants(options: LeagueOptions) -> list[Contestant]:
    """All that take part: the built-in consumers and the examples, or those that were chosen.

    Contestants of other kinds join the list here: whatever a command starts can be one.
    """
    return chosen([*built_in(), *bizon_modes(), *load_examples(options.examples_folder)], options.only)


def list_contestants(found: Sequence[Contestant]) -> None:
    """Print who there is, and what is missing to run them."""
    for one in found:
        missing = one.missing()
        state = f"needs {', '.join(missing)}" if missing else "can run"
        click.echo(f"{one.key}: {one.name}, {one.client} {one.version}, {one.language}; {state}")


def run_league(options: LeagueOptions, found: Sequence[Contestant]) -> list[Row]:
    """Start the cluster, run these contestants on it, write the pages after each batch, stop everything.

    Raises FairpollError. SIGTERM ends it as Ctrl-C does, also where whoever started it has Ctrl-C ignored:
    what was started is stopped on the way out.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    folder = options.output_folder.resolve()
    progress = ConsoleProgress(lambda text: click.echo(text, nl=False))

    def tell(text: str) -> None:
        progress.clear()
        click.echo(text)

    registry = Registry()
    cluster = None
    try:
        where = ClusterOptions(
            log_folder=folder / "evidence" / "cluster",
            bootstrap_servers=options.bootstrap_servers,
            security=client_config.from_environment(os.environ),
        )
        cluster = open_cluster(options.cluster, where, registry, warn=tell, progress=progress)
        tell(f"cluster: {cluster.description}")
        title = load_scenario(options.scenario_file).title
        setting = Setting.now(title, options.speed, cluster.description, options.command)
        league = League(
            cluster=cluster,
            scenario_file=options.scenario_file,
            speed=options.speed,
            together=options.together,
            folder=folder,
            registry=registry,
            tell=tell,
            progress=progress,
        )
        # After each batch, for whoever ends it early.
        rows = league.run(found, lambda so_far: write_pages(folder, so_far, setting))
        paths = write_pages(folder, rows, setting)
    finally:
        if cluster is not None:
            cluster.stop()
        registry.close()
        progress.clear()
    click.echo(console(rows))
    click.echo("written: " + ", ".join(str(path) for path in paths))
    return rows


def finish(rows: Sequence[Row]) -> None:
    """Exit code 1 when somebody who could be run failed, or when a run proved nothing."""
    if any(row.outcome in ("failed", "inconclusive") for row in rows):
        sys.exit(1)
