"""`fairpoll produce`: the traffic of a scenario, stand-alone or as a process of a suite."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fairpoll.base import clock
from fairpoll.cli.options import (
    FILE,
    SHARED_ENVIRONMENT,
    bootstrap_option,
    checked_run_id,
    controlled_option,
    evidence_topic_option,
    option,
    scenario_option,
    speed_option,
)
from fairpoll.cli.process import connection, read_commands, stop_on_signals
from fairpoll.cluster.connection import create_missing_topics, require_broker
from fairpoll.contract.events import EventWriter
from fairpoll.producer.shards import Shard
from fairpoll.producer.traffic import TrafficProducer, acked_in
from fairpoll.run.distributed.plan import Wanted, produce_together
from fairpoll.run.names import topic_names
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import REVERSED, WRITTEN
from fairpoll.scenarios.overrides import VOLUMES, with_overrides


def override_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options whose values `with_overrides` takes."""
    for volume in reversed(VOLUMES):
        traffic = f"Traffic of the {volume}-volume topic in place of the scenario's, such as '5 every 1 s'."
        topic = f"Name of the {volume}-volume topic in place of the scenario's."
        command = option(f"--{volume}-traffic", default="", metavar="TRAFFIC", help=traffic)(command)
        command = option(f"--{volume}-topic", default="", metavar="NAME", help=topic)(command)
    length = "Duration, such as '30 s' or '2 minutes', in place of the scenario's."
    return option("--duration", default="", metavar="DURATION", help=length)(command)


@click.command(short_help="Produce a scenario's traffic.", context_settings=SHARED_ENVIRONMENT)
@bootstrap_option
@scenario_option
@speed_option
@option("--only-volume", type=click.Choice(["high", "low"]), help="Only the topics of this volume.")
@option("--run-id", callback=checked_run_id, help="The run id in every message.  [default: manual]")
@option(
    "--names",
    type=click.Choice([WRITTEN, REVERSED]),
    default=WRITTEN,
    help="How the topics' names sort: as in the scenario, or the other way round.",
)
@option("--topic-suffix", default="", help="Appended to the scenario's topic names, except fixed ones.")
@option("--topic-prefix", default="", help="Put in front of the scenario's topic names, except fixed ones.")
@override_options
@option(
    "--resume",
    "ledger",
    type=FILE,
    metavar="LEDGER",
    help="Resume the live traffic of a killed producer, by its ledger.",
)
@option("--create-topics", is_flag=True, help="Create the topics first, unless they exist.")
@option(
    "--shard",
    metavar="NUMBER/COUNT",
    help="Only the partitions of this shard, such as 2/4.  [default: all, or with --evidence-topic agreed]",
)
@evidence_topic_option(required=False)
@option(
    "--shared-by",
    metavar="HOST",
    help="With --evidence-topic: share the traffic with the machines of this name in the network. One that "
    "does not have the name, such as a container of 'docker compose run', makes traffic of its own.",
)
@controlled_option
def produce(  # noqa: PLR0913 - an argument an option
    *,
    bootstrap_servers: str,
    scenario_file: Path,
    speed: float,
    only_volume: str | None,
    run_id: str | None,
    names: str,
    topic_suffix: str,
    topic_prefix: str,
    ledger: Path | None,
    create_topics: bool,
    shard: str | None,
    evidence_topic: str | None,
    shared_by: str | None,
    controlled: bool,
    **overrides: str,
) -> None:
    """Send a scenario's backlog, then its live traffic on schedule; print an event for each acked message.

    The topics must exist, unless --create-topics is given. With --controlled, options that change the
    scenario are ignored, and the live traffic starts at the time in the command `start SECONDS` (since the
    epoch); otherwise it starts right after the backlog.

    With --resume only the live traffic that is due from now on is sent. Messages that were due before and
    are not acked in the ledger may have been sent or not: they are reported as producer_send_error.

    With --evidence-topic this is one of several producers: those of a planned run (--run-id), whose plan
    takes precedence, or those that are started together. They divide the partitions, start at the same
    time, and hand in their ledgers.
    """
    scenario = load_scenario(scenario_file).named(names)
    if not controlled:  # variables exported for a stand-alone producer must not change what the suites judge
        scenario = with_overrides(scenario, **overrides)
    scaled = scenario.at_speed(speed)
    if only_volume:
        scenario, scaled = scenario.alone(only_volume), scaled.alone(only_volume)
    part = Shard.parse(shard) if shard and not controlled else None
    stop, commanded = threading.Event(), threading.Event()
    start_at: list[float] = []

    def handle(line: str) -> None:
        match line.split():
            case ["start", seconds]:
                start_at.append(float(seconds))
                commanded.set()
            case ["stop"]:
                stop.set()
                commanded.set()

    stop_on_signals(lambda: handle("stop"))
    topics = topic_names(scenario, topic_suffix, topic_prefix)
    config = {**connection(bootstrap_servers), "client.id": "fairpoll-producer"}
    if not controlled:
        require_broker(config)
        if evidence_topic:
            wanted = Wanted(scenario, speed, topics, create_topics, part, run_id, shared_by or "")
            produce_together(wanted, config, evidence_topic, stop)
            return
    if create_topics:
        missing = {topics[topic.name]: topic.partitions for topic in scenario.topics if topic.create}
        create_missing_topics(missing, config)
    emit = EventWriter()
    run_id = run_id or "manual"
    partitions = part.partitions(scaled) if part else None
    producer = TrafficProducer(scaled, run_id, topics, config, emit, partitions)
    emit("startup_complete", run_id=run_id)
    if ledger is None:
        producer.produce_backlog()
    if controlled:
        read_commands(handle)
        commanded.wait()
    if not stop.is_set():
        start = start_at[0] if start_at else clock.now_seconds()
        producer.produce_live(start, stop, acked_before=None if ledger is None else acked_in(ledger))
    emit("shutdown_complete", failed=producer.failed)
