"""`fairpoll league`: its options and help; see `league.command` for its work."""

from typing import Any

import click

from fairpoll.cli.options import FILE, FOLDER, NEW_FOLDER, POSITIVE, SERVERS, option
from fairpoll.cluster import KINDS
from fairpoll.league import command


@click.command(short_help="Judge many clients side by side.")
@option(
    "--cluster",
    type=click.Choice(list(KINDS)),
    default="local",
    help="Where the brokers come from. The mock serves librdkafka's clients only.",
)
@option("--bootstrap-servers", default="", metavar=SERVERS, help="Where an external cluster answers.")
@option(
    "--speed",
    type=POSITIVE,
    default=10.0,
    help="Divides every interval of the scenario, multiplies the sink's rate.",
)
@option("--prefix", default="", help="What the names of all topics and groups that a run makes begin with.")
@option("--only", multiple=True, metavar="NAME", help="Only this contestant; once for each. See --list.")
@option(
    "--together",
    type=click.IntRange(min=1),
    default=4,
    help="How many contestants run side by side on the same traffic, beside the built-in sync.",
)
@option(
    "--output-folder",
    type=NEW_FOLDER,
    default="results/league",
    help="The folder for league.md, league.html, league.json and the evidence.",
)
@option(
    "--examples-folder",
    type=FOLDER,
    default="examples",
    help="The folder of the contestants: each folder in it with an example.yaml.",
)
@option(
    "--scenario",
    "scenario_file",
    type=FILE,
    default="resources/scenarios/specified.yaml",
    help="The scenario that all contestants run, with its backlog and without.",
)
@option("--list", "only_list", is_flag=True, help="Only print who would take part.")
def league(only_list: bool, **values: Any) -> None:
    """Run many Kafka clients on the same traffic and report which of them starve the low-volume topic.

    Each example is built in its folder, once, and run under four conditions: with a backlog in either
    order of the topics' names, without one, and with a backlog and its smallest prefetch. Run the command in
    the repository's folder. All contestants take seven minutes; with --speed 1 forty minutes, with --speed 1
    --together 7 twenty minutes.

    Exit code 0: every contestant whose tools are here was judged. 1: one failed, or a run proved nothing.
    """
    options = command.LeagueOptions(**values)
    found = command.contestants(options)
    if only_list:
        command.list_contestants(found)
    else:
        command.finish(command.run_league(options, found))
