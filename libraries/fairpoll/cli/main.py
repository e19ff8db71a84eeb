"""The `fairpoll` command: what runs outside Robot Framework."""

import contextlib
import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from confluent_kafka import KafkaException

from fairpoll.base import clock
from fairpoll.base.disk import unwritable
from fairpoll.base.errors import FairpollError
from fairpoll.cli.distributed import COMMANDS as PARTS
from fairpoll.cli.league import league
from fairpoll.cli.options import (
    RATE,
    FiniteRange,
    bootstrap_option,
    checked_run_id,
    evidence_topic_option,
    outputs,
    poll_options,
    topic_rates,
)
from fairpoll.cli.verdicts import COMMANDS
from fairpoll.consumers import MODES, Consumer, ConsumerConfig
from fairpoll.contract import client_config
from fairpoll.contract.events import EventWriter
from fairpoll.producer.produce_options import change_options, changed, create_missing, must_answer
from fairpoll.producer.shards import Shard
from fairpoll.producer.traffic import TrafficProducer, acked_in
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import PollSettings

option = functools.partial(click.option, show_envvar=True)


controlled_option = option(
    "--controlled",
    is_flag=True,
    help="Take orders, one a line, from standard input; its end means stop. Used by the suites.",
)


@click.group(
    context_settings={"show_default": True, "max_content_width": 100},
    epilog="Each option can be given as the environment variable named beside it; several values have a "
    "space between. Further Kafka client properties, passwords among them, are taken from the environment "
    "only: FAIRPOLL_KAFKA_SECURITY_PROTOCOL sets security.protocol.",
)
@click.version_option(package_name="fairpoll")
def main() -> None:
    """Decide whether a Kafka consumer starves a low-volume topic.

    The acceptance suites are run with `robot suites/`; these are the parts that run on their own.
    produce and consume print newline-delimited JSON events on standard output and their client's log on
    standard error.
    """


for command in (league, *COMMANDS, *PARTS):
    main.add_command(command)

# Without the command's own name in it, so that every consumer is told the same way, ours or not.
FROM_ENVIRONMENT = {"auto_envvar_prefix": "FAIRPOLL"}


@main.command(short_help="Produce a scenario's traffic.", context_settings=FROM_ENVIRONMENT)
@bootstrap_option
@option(
    "--scenario",
    "scenario_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The scenario file, such as resources/scenarios/specified.yaml.",
)
@option("--speed", type=FiniteRange(min=0, min_open=True), default=1.0, help="Divides every interval.")
@option("--only-volume", type=click.Choice(["high", "low"]), help="Only the topics of this volume.")
@option("--run-id", callback=checked_run_id, help="Stands in every message.  [default: manual]")
@option("--topic-suffix", default="", help="Appended to the scenario's topic names.")
@change_options
@option(
    "--resume",
    "ledger",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="LEDGER",
    help="Go on with the live traffic of a producer that was killed, by its ledger.",
)
@option("--create-topics", is_flag=True, help="Create the topics first, unless they exist.")
@option(
    "--shard",
    metavar="NUMBER/COUNT",
    help="Only the partitions of this shard, such as 2/4.  [default: all, or with --evidence-topic agreed]",
)
@evidence_topic_option(required=False)
@controlled_option
def produce(  # noqa: PLR0913 - an argument an option
    *,
    bootstrap_servers: str,
    scenario_file: Path,
    speed: float,
    only_volume: str | None,
    run_id: str | None,
    topic_suffix: str,
    ledger: Path | None,
    create_topics: bool,
    shard: str | None,
    evidence_topic: str | None,
    controlled: bool,
    **changes: str,
) -> None:
    """Send a scenario's backlog, then its live traffic on schedule; print one event for each acked message.

    The topics must exist, or --create-topics be given. Under --controlled the scenario is produced as it
    stands, and the live traffic begins at the moment of the order `start SECONDS` (since the epoch);
    otherwise right after the backlog.

    With --resume the backlog is not sent, and of the live traffic only what is due from now on. What was due
    before and is not acked by the ledger may have been sent or not: it is told as producer_send_error.

    With --evidence-topic this is one of several producers: those of a planned run (--run-id), whose plan then
    counts, or as many as are started together. They share out the partitions, start at the same moment, and
    hand in their ledgers.
    """
    scenario = load_scenario(scenario_file)
    if not controlled:  # what a shell exports for the test producer must not change what the suites judge
        scenario = changed(scenario, **changes)
    scaled = scenario.at_speed(speed)
    if only_volume:
        scenario, scaled = scenario.alone(only_volume), scaled.alone(only_volume)
    part = Shard.parse(shard) if shard and not controlled else None
    stop, ordered = threading.Event(), threading.Event()
    start_at: list[float] = []

    def obey(line: str) -> None:
        match line.split():
            case ["start", seconds]:
                start_at.append(float(seconds))
                ordered.set()
            case ["stop"]:
                stop.set()
                ordered.set()

    _stop_on_signals(lambda: obey("stop"))
    names = {topic.name: topic.name + topic_suffix for topic in scenario.topics}
    config = {**_client_config(bootstrap_servers), "client.id": "fairpoll-producer"}
    if not controlled:
        must_answer(config)
        if evidence_topic:
            # Only here: alone it needs none of this.
            from fairpoll.run.distributed.plan import Wanted, produce_together  # noqa: PLC0415

            wanted = Wanted(scenario, speed, names, create_topics, part, run_id)
            produce_together(wanted, config, evidence_topic, stop)
            return
    if create_topics:
        create_missing({names[topic.name]: topic.partitions for topic in scenario.topics}, config)
    emit = EventWriter()
    run_id = run_id or "manual"
    partitions = part.partitions(scaled) if part else None
    producer = TrafficProducer(scaled, run_id, names, config, emit, partitions)
    emit("startup_complete", run_id=run_id)
    if ledger is None:
        producer.produce_backlog()
    if controlled:
        _follow_orders(obey)
        ordered.wait()
    if not stop.is_set():
        start = start_at[0] if start_at else clock.now_seconds()
        producer.produce_live(start, stop, acked_before=None if ledger is None else acked_in(ledger))
    emit("shutdown_complete", failed=producer.failed)


@main.command(short_help="Run one of the built-in consumers.", context_settings=FROM_ENVIRONMENT)
@bootstrap_option
@option("--mode", type=click.Choice(sorted(MODES)), required=True, help="Which built-in consumer.")
@option("--group", required=True, help="The consumer group.")
@option(
    "--topic",
    "topics",
    multiple=True,
    required=True,
    metavar="TOPIC=FILE",
    help="A topic to read and its output file; once for each topic.",
)
@option("--output-folder", type=click.Path(path_type=Path), required=True, help="Where the output files go.")
@option("--sink-rate", type=RATE, help="Records per second; none: no limit.")
@option(
    "--topic-sink-rate",
    "topic_sink_rates",
    multiple=True,
    metavar="TOPIC=RATE",
    help="Another rate for the records of this topic.",
)
@poll_options
@option(
    "--poison-policy",
    type=click.Choice(["dead-letter", "skip", "stop"]),
    default="dead-letter",
    help="What becomes of a record that is not JSON.",
)
@controlled_option
def consume(mode: str, controlled: bool, **options: Any) -> None:
    """Read topics as one group member and write each record to its topic's file, as one JSON object a line.

    sync: poll a batch, write it, commit it. async: poll all the time into a bounded buffer for each
    partition, and write from them in turn. Offsets are committed only for what the files hold.
    """
    run_consumer(MODES[mode], controlled, **options)


def run_consumer(kind: type[Consumer], controlled: bool, **options: Any) -> None:
    """Run a consumer of this class with the options of `fairpoll consume` until it is stopped."""
    config = _consumer_config(**options)
    if not controlled:  # under the suites a broker that goes away is waited for, whenever that is
        must_answer(config.client_config)
    consumer = kind(config, EventWriter())
    _stop_on_signals(consumer.stop)
    if controlled:
        _follow_orders(consumer.control)
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
        client_config={**_client_config(bootstrap_servers), "client.id": group},
        settings=PollSettings(**settings),
        topic_sink_rates=topic_rates(topic_sink_rates, files),
    )


def _client_config(bootstrap_servers: str) -> dict[str, str]:
    return {**client_config.from_environment(os.environ), "bootstrap.servers": bootstrap_servers}


def _stop_on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def _follow_orders(obey: Callable[[str], None]) -> None:
    """Obey each line of standard input. Its end means that whoever gave the orders is gone: stop."""

    def read() -> None:
        for line in sys.stdin:
            obey(line.strip())
        obey("stop")

    threading.Thread(target=read, name="orders", daemon=True).start()


def run() -> None:
    """Entry point: an expected error is one sentence on standard error, and exit code 1."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        main()
        return
    except FairpollError as error:
        told = str(error)
    except KafkaException as error:
        told = f"the Kafka client: {error.args[0].str()}"
    except OSError as error:
        told = unwritable(error.filename or "a file", error)
    # What standard output did not take, a full disk or a reader that is gone, is not tried once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with contextlib.suppress(OSError):  # the log may stand on the same disk
        click.echo(f"fairpoll: {told}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    run()
