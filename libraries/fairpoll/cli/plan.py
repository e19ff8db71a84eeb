"""`fairpoll plan`: a run whose parts are on several machines."""

from pathlib import Path

import click

from fairpoll.cli.options import (
    SHARED_ENVIRONMENT,
    bootstrap_option,
    checked_run_id,
    evidence_topic_option,
    option,
    scenario_option,
    speed_option,
)
from fairpoll.cli.process import connection
from fairpoll.cluster.connection import require_broker
from fairpoll.producer.shards import MOST_SHARDS
from fairpoll.run.distributed import plan as planning
from fairpoll.run.distributed.run_topic import RunTopic
from fairpoll.run.names import new_run_id, topic_names, topic_suffix
from fairpoll.scenarios.file import load_scenario


@click.command(
    short_help="Plan a run whose parts are on several machines.", context_settings=SHARED_ENVIRONMENT
)
@bootstrap_option
@evidence_topic_option(required=True)
@scenario_option
@speed_option
@option("--run-id", callback=checked_run_id, help="A name for the run.  [default: the date and time]")
@option("--shards", type=click.IntRange(1, MOST_SHARDS), default=1, help="Number of producers.")
@option("--consumer", "consumers", multiple=True, help="Name of a consumer, such as sync. Repeatable.")
def plan(
    *,
    bootstrap_servers: str,
    evidence_topic: str,
    scenario_file: Path,
    speed: float,
    run_id: str | None,
    shards: int,
    consumers: tuple[str, ...],
) -> None:
    """Create a run's topics, publish its plan, and print its name.

    Its parts, `fairpoll produce --shard`, `fairpoll run-consumer` and `fairpoll evidence pull`, find the plan
    by that name. They can be started in any order, also before this command.
    """
    scenario = load_scenario(scenario_file)
    name = run_id or new_run_id()
    topics = topic_names(scenario, topic_suffix(name))
    facts = planning.facts_of_plan(
        name, scenario, speed, bootstrap_servers, topics=topics, consumers=consumers, shards=shards
    )
    config = connection(bootstrap_servers)
    require_broker(config)
    with RunTopic(config, evidence_topic) as topic:
        planning.plan(topic, config, facts)
    click.echo(name)
