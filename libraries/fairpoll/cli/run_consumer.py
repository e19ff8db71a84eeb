"""`fairpoll run-consumer`: one consumer of a planned run, on this machine."""

import threading

import click

from fairpoll.cli.options import SHARED_ENVIRONMENT, bootstrap_option, evidence_topic_option, run_id_option
from fairpoll.cli.process import connection, stop_on_signals
from fairpoll.cluster.connection import require_broker
from fairpoll.run.distributed import consumer_part
from fairpoll.run.distributed.crew import Crew
from fairpoll.run.distributed.run_topic import RunTopic


@click.command(
    "run-consumer",
    short_help="Run one consumer of a planned run.",
    context_settings={**SHARED_ENVIRONMENT, "allow_interspersed_args": False},
)
@bootstrap_option
@evidence_topic_option(required=True)
@run_id_option
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run_consumer(
    bootstrap_servers: str, evidence_topic: str, run_id: str, name: str, command: tuple[str, ...]
) -> None:
    """Run the consumer NAME of a planned run on this machine and hand in its evidence.

    COMMAND is any program that keeps the contract in docs/reference/consumer-contract.md. Without one,
    NAME is a built-in consumer: sync or async.
    """
    stop = threading.Event()
    stop_on_signals(stop.set)
    config = connection(bootstrap_servers)
    require_broker(config)
    with RunTopic(config, evidence_topic) as topic:
        crew = Crew(topic, stop.is_set)
        crew.find(run_id, name)
        consumer_part.run_consumer(crew, config, command, lambda text: click.echo(text, err=True))
