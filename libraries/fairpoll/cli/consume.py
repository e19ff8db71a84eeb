"""`fairpoll consume`: one of the built-in consumers."""

from pathlib import Path
from typing import Any

import click

from fairpoll.cli.options import (
    POSITIVE,
    SHARED_ENVIRONMENT,
    bootstrap_option,
    controlled_option,
    option,
    outputs,
    settings_options,
    topic_rates,
)
from fairpoll.cli.process import connection, read_commands, stop_on_signals
from fairpoll.consumers import MODES, Consumer, ConsumerConfig
from fairpoll.contract.events import EventWriter
from fairpoll.contract.settings import PollSettings


@click.command(short_help="Run one of the built-in consumers.", context_settings=SHARED_ENVIRONMENT)
@bootstrap_option
@option("--mode", type=click.Choice(sorted(MODES)), required=True, help="Which built-in consumer.")
@option("--group", required=True, help="The consumer group.")
@option(
    "--topic",
    "topics",
    multiple=True,
    required=True,
    metavar="TOPIC=FILE",
    help="A topic to read and its output file. Repeatable.",
)
@option("--output-folder", type=click.Path(path_type=Path), required=True, help="Folder of the output files.")
@option("--sink-rate", type=POSITIVE, help="Records per second.  [default: no limit]")
@option(
    "--topic-sink-rate",
    "topic_sink_rates",
    multiple=True,
    metavar="TOPIC=RATE",
    help="Another rate for the records of this topic.",
)
@settings_options
@controlled_option
def consume(mode: str, controlled: bool, **options: Any) -> None:
    """Read topics as one group member and write each record to its topic's file, as one JSON object a line.

    sync: poll a batch, write it, commit it. async: poll continuously into a bounded buffer for each
    partition, and write from the buffers in turn. Only offsets of written records are committed.
    """
    run_consumer(MODES[mode], controlled, **options)


def run_consumer(kind: type[Consumer], controlled: bool, **options: Any) -> None:
    """Run a consumer of this class with the options of `fairpoll consume` until it is stopped."""
    config = _consumer_config(**options)
    if not controlled:  # in a suite the client waits for a broker, which a fault may have stopped
        # Imported here: consumers of a suite start faster without what clusters need.
        from fairpoll.cluster.connection import require_broker  # noqa: PLC0415

        require_broker(config.client_config)
    consumer = kind(config, EventWriter())
    stop_on_signals(consumer.stop)
    if controlled:
        read_commands(consumer.control)
    consumer.start()


def _consumer_config(
    *,
    bootstrap_servers: str,
    group: str,
    topics: tuple[str, ...],
    output_folder: Path,
    sink_rate: float | None,
    topic_sink_rates: tuple[str, ...],
    **settings: Any,
) -> ConsumerConfig:
    files = outputs(topics)
    return ConsumerConfig(
        group=group,
        outputs=files,
        output_folder=output_folder,
        sink_rate=sink_rate,
        client_config={**connection(bootstrap_servers), "client.id": group},
        settings=PollSettings(**settings),
        topic_sink_rates=topic_rates(topic_sink_rates, files),
    )
