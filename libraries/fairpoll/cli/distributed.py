"""The commands of a run that is spread over machines: plan, run-consumer, evidence."""

import os
import signal
import threading
from pathlib import Path

import click

from fairpoll.cli.options import FiniteRange, bootstrap_option, checked_run_id, evidence_topic_option
from fairpoll.contract import client_config

# Without the command's own name in it: what is exported is the same for all parts.
FROM_ENVIRONMENT = {"auto_envvar_prefix": "FAIRPOLL"}
# What stands behind the consumer's name is the command's own.
BEFORE_A_COMMAND = {**FROM_ENVIRONMENT, "allow_interspersed_args": False}

run_id_option = click.option(
    "--run-id", callback=checked_run_id, required=True, show_envvar=True, help="The run, as it was planned."
)
last_run_option = click.option(
    "--run-id", callback=checked_run_id, show_envvar=True, help="The run; without: the last one planned."
)


def _config(bootstrap_servers: str) -> dict[str, str]:
    return {**client_config.from_environment(os.environ), "bootstrap.servers": bootstrap_servers}


@click.command(
    short_help="Plan a run whose parts are on several machines.", context_settings=FROM_ENVIRONMENT
)
@bootstrap_option
@evidence_topic_option(required=True)
@click.option(
    "--scenario",
    "scenario_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    show_envvar=True,
    help="The scenario file, such as resources/scenarios/specified.yaml.",
)
@click.option(
    "--speed",
    type=FiniteRange(min=0, min_open=True),
    default=1.0,
    show_envvar=True,
    help="Divides every interval.",
)
@click.option(
    "--run-id",
    callback=checked_run_id,
    show_envvar=True,
    help="A name for the run.  [default: the date and time]",
)
@click.option(
    "--shards", type=click.IntRange(1, 10_000), default=1, show_envvar=True, help="How many producers."
)
@click.option(
    "--consumer",
    "consumers",
    multiple=True,
    show_envvar=True,
    help="A consumer's name, such as sync; once for each.",
)
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
    """Create a run's topics, write down what it is, and print its name.

    Its parts, `fairpoll produce --shard`, `fairpoll run-consumer` and `fairpoll evidence pull`, are told that
    name and find the rest by it. They may be started in any order, also before this.
    """
    # Here and below: the consumers, which share the command `fairpoll`, start faster without these.
    from fairpoll.producer.produce_options import must_answer  # noqa: PLC0415
    from fairpoll.run.distributed import plan as planning  # noqa: PLC0415
    from fairpoll.run.distributed.run_topic import RunTopic  # noqa: PLC0415
    from fairpoll.scenarios.file import load_scenario  # noqa: PLC0415

    scenario = load_scenario(scenario_file)
    name = run_id or planning.new_run_id()
    topics = {topic.name: f"{topic.name}.{name}" for topic in scenario.topics}
    facts = planning.facts_of_plan(
        name, scenario, speed, bootstrap_servers, topics=topics, consumers=consumers, shards=shards
    )
    config = _config(bootstrap_servers)
    must_answer(config)
    topic = RunTopic(config, evidence_topic)
    planning.plan(topic, config, facts)
    topic.close()
    click.echo(name)


@click.command(
    "run-consumer", short_help="Run one consumer of a planned run.", context_settings=BEFORE_A_COMMAND
)
@bootstrap_option
@evidence_topic_option(required=True)
@run_id_option
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run_consumer(
    bootstrap_servers: str, evidence_topic: str, run_id: str, name: str, command: tuple[str, ...]
) -> None:
    """Run the consumer NAME of a planned run on this machine and hand in what it left.

    COMMAND is any program that keeps to docs/your-consumer.md; without one NAME is built in: sync, async.
    """
    from fairpoll.producer.produce_options import must_answer  # noqa: PLC0415
    from fairpoll.run.distributed import consumer_part  # noqa: PLC0415
    from fairpoll.run.distributed.crew import Crew  # noqa: PLC0415
    from fairpoll.run.distributed.run_topic import RunTopic  # noqa: PLC0415

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    config = _config(bootstrap_servers)
    must_answer(config)
    topic = RunTopic(config, evidence_topic)
    topic.create()
    crew = Crew(topic, stop.is_set)
    crew.find(run_id, name)
    consumer_part.run_consumer(crew, config, command, lambda text: click.echo(text, err=True))
    topic.close()


@click.group(short_help="Hand in files of a run, and fetch them to be judged.")
def evidence() -> None:
    """Hand in files of a run through a topic of the cluster, and fetch them to be judged."""


@evidence.command(short_help="Hand in a folder.", context_settings=FROM_ENVIRONMENT)
@bootstrap_option
@evidence_topic_option(required=True)
@run_id_option
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def push(bootstrap_servers: str, evidence_topic: str, run_id: str, folder: Path) -> None:
    """Hand in every file of FOLDER under its path within it.

    What was handed in before is not sent again; of a file that has grown, the rest is.
    """
    from fairpoll.run.distributed.handover import push as hand_in  # noqa: PLC0415
    from fairpoll.run.distributed.run_topic import RunTopic  # noqa: PLC0415

    topic = RunTopic(_config(bootstrap_servers), evidence_topic)
    topic.create()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    sent = hand_in(topic, run_id, [(path, path.relative_to(folder).as_posix()) for path in files])
    topic.close()
    click.echo(f"{len(files):,} files handed in, {sent:,} bytes sent")


@evidence.command(short_help="Fetch a run's recording.", context_settings=FROM_ENVIRONMENT)
@bootstrap_option
@evidence_topic_option(required=True)
@last_run_option
@click.option(
    "--wait-seconds",
    type=FiniteRange(min=0),
    default=0.0,
    help="Wait so long for the parts that have not ended; what is there then is fetched.",
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def pull(
    bootstrap_servers: str, evidence_topic: str, run_id: str | None, wait_seconds: float, folder: Path
) -> None:
    """Write a run's recording into FOLDER, to be judged by `fairpoll judge FOLDER`.

    A part whose evidence is not there makes the verdict inconclusive, by its name.
    """
    from fairpoll.producer.produce_options import must_answer  # noqa: PLC0415
    from fairpoll.run.distributed import fetching  # noqa: PLC0415
    from fairpoll.run.distributed.handover import pull as fetch_files  # noqa: PLC0415
    from fairpoll.run.distributed.run_topic import RunTopic  # noqa: PLC0415

    config = _config(bootstrap_servers)
    must_answer(config)
    topic = RunTopic(config, evidence_topic)
    topic.create()
    run = fetching.awaited_run(topic, run_id, wait_seconds)
    if run is None:  # handed in by `fairpoll evidence push`: a recording with a run.json of its own
        cut_off = fetch_files(topic, run_id or "", folder)
        click.echo(f"{folder}: {', '.join(cut_off) + ' in part' if cut_off else 'whole'}")
    else:
        fetching.fetch(topic, run, folder)
        missing = run.missing(run.done)
        click.echo(f"{folder}: run {run.run_id}, {len(run.parts) - len(missing)} of {len(run.parts)} parts")
    topic.close()


COMMANDS = (plan, run_consumer, evidence)
