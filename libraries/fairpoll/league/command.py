"""The work of `fairpoll league`, from its options to its exit code."""

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
from fairpoll.run.recorder import check_speed
from fairpoll.scenarios.file import load_scenario


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
    prefix: str = ""

    @property
    def command(self) -> str:
        """The command line that makes the same league again."""
        words = ["fairpoll", "league", "--cluster", self.cluster, "--speed", f"{self.speed:g}"]
        words += ["--together", str(self.together)]
        return shlex.join(words + [word for name in self.only for word in ("--only", name)])


def contestants(options: LeagueOptions) -> list[Contestant]:
    """The contestants: the built-in consumers, Bizon's modes and the examples, or those of them in `only`."""
    return chosen([*built_in(), *bizon_modes(), *load_examples(options.examples_folder)], options.only)


def list_contestants(found: Sequence[Contestant]) -> None:
    """Print the contestants, and the commands that they lack."""
    for c in found:
        missing = c.missing()
        state = f"needs {', '.join(missing)}" if missing else "can run"
        click.echo(f"{c.key}: {c.name}, {c.client} {c.version}, {c.language}; {state}")


def run_league(options: LeagueOptions, found: Sequence[Contestant]) -> list[Row]:
    """Start the cluster, run these contestants on it, write the pages after each batch, stop everything.

    Raises FairpollError. SIGTERM and Ctrl-C stop everything too, even if the parent process ignores Ctrl-C.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    folder = options.output_folder.resolve()
    progress = ConsoleProgress(lambda text: click.echo(text, nl=False))

    def report(text: str) -> None:
        progress.clear()
        click.echo(text)

    scenario = load_scenario(options.scenario_file)
    check_speed(scenario, options.speed)
    with Registry() as registry:
        registry.at_end(progress.clear)
        where = ClusterOptions(
            log_folder=folder / "evidence" / "cluster",
            bootstrap_servers=options.bootstrap_servers,
            prefix=options.prefix,
            security=client_config.from_environment(os.environ),
        )
        cluster = open_cluster(options.cluster, where, registry, warn=report, progress=progress)
        report(f"cluster: {cluster.description}")
        setting = Setting.now(scenario.title, options.speed, cluster.description, options.command)
        league = League(
            cluster=cluster,
            scenario_file=options.scenario_file,
            speed=options.speed,
            together=options.together,
            folder=folder,
            registry=registry,
            report=report,
            progress=progress,
        )
        # After each batch, in case the league is ended early.
        rows = league.run(found, lambda so_far: write_pages(folder, so_far, setting))
        paths = write_pages(folder, rows, setting)
    click.echo(console(rows))
    click.echo("written: " + ", ".join(str(path) for path in paths))
    return rows


def finish(rows: Sequence[Row]) -> None:
    """Exit with code 1 if a contestant failed or a run was inconclusive."""
    if any(row.outcome in ("failed", "inconclusive") for row in rows):
        sys.exit(1)
