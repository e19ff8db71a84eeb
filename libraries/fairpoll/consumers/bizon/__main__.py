"""Runs Bizon as a consumer under test: `python -m fairpoll.consumers.bizon --mode sync|async`."""

import os
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import yaml

from fairpoll.base.errors import ConsumerError
from fairpoll.consumers.bizon import MODES, NOT_INSTALLED
from fairpoll.contract import client_config
from fairpoll.contract.environment import BOOTSTRAP_SERVERS, OUTPUT_FOLDER, ConsumerEnvironment

CONFIG = "bizon.yml"
FAIR_SOURCE = Path(__file__).parent / "fair_source.py"
# Longest wait of Bizon's read for a full batch, in whole seconds; its default is 10.
CONSUMER_TIMEOUT_SECONDS = 1


@click.command()
@click.option("--mode", type=click.Choice(MODES), required=True)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Configuration to start from.",
)
def main(mode: str, config: Path | None) -> None:
    """Run Bizon with a configuration made from the environment of a consumer under test.

    --config is a Bizon configuration of your own. The scenario's values (topics, group, addresses, sink) are
    set in it; all others stay.
    """
    try:
        run(mode, config)
    except ConsumerError as error:
        click.echo(f"fairpoll: {error}", err=True)
        sys.exit(1)


def run(mode: str, config: Path | None) -> None:
    """Write the configuration into the output folder and become Bizon, there. Raises ConsumerError."""
    if find_spec("bizon") is None:
        raise ConsumerError(NOT_INSTALLED)
    connection = client_config.from_environment(os.environ)
    if any(name.startswith("sasl.") for name in connection):
        raise ConsumerError("Bizon's modes do not support a login; use a cluster without one")
    folder = Path(os.environ[OUTPUT_FOLDER])
    folder.mkdir(parents=True, exist_ok=True)
    own = yaml.safe_load(config.read_text("utf-8")) if config else {}
    made = bizon_config(mode, own, dict(os.environ), connection)
    (folder / CONFIG).write_text(yaml.safe_dump(made, sort_keys=False), "utf-8")
    click.echo(f"Bizon {version('bizon')}, mode {mode}, {source_description(mode)}", err=True)
    os.chdir(folder)  # Bizon's file destination writes to the working directory
    environment = {**os.environ, "ENVIRONMENT": "production"}  # otherwise Bizon commits nothing
    command = [sys.executable, "-m", "bizon", "run", CONFIG, "--runner", "stream"]
    os.execve(sys.executable, command, environment)


def has_async_polling() -> bool:
    """Whether the installed Bizon's own Kafka source declares `enable_async_polling`."""
    from bizon.connectors.sources.kafka.src.config import KafkaSourceConfig  # noqa: PLC0415

    return "enable_async_polling" in KafkaSourceConfig.model_fields


def source_description(mode: str) -> str:
    """The source in use, for the log."""
    if mode == "sync":
        return "its own Kafka source"
    return "its own asynchronous polling" if has_async_polling() else "our fair poller as its source"


def bizon_config(
    mode: str, own: dict[str, Any], environment: dict[str, str], connection: dict[str, str]
) -> dict[str, Any]:
    """The configuration: `own`, overridden by the scenario's values."""
    source, destination = dict(own.get("source") or {}), dict(own.get("destination") or {})
    task = ConsumerEnvironment.from_environment(environment)
    settings = task.settings
    client = {"enable.auto.commit": False, "auto.offset.reset": "earliest", "security.protocol": "PLAINTEXT"}
    timeouts = {
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.heartbeat_interval_ms,
        "max.poll.interval.ms": settings.max_poll_interval_ms,
    }
    properties = {name: value for name, value in connection.items() if name != "bootstrap.servers"}
    source |= {
        "name": "kafka",
        "stream": "topic",
        "sync_mode": "stream",
        "topics": [{"name": t, "destination_id": Path(file).stem} for t, file in task.outputs.items()],
        "bootstrap_servers": environment[BOOTSTRAP_SERVERS],
        "group_id": task.group,
        "batch_size": settings.max_poll_records,
        "consumer_config": {**client, **(source.get("consumer_config") or {}), **timeouts, **properties},
    }
    source.setdefault("consumer_timeout", CONSUMER_TIMEOUT_SECONDS)
    source.setdefault("message_encoding", "utf-8")
    source.setdefault("authentication", {"type": "basic", "params": {"username": "", "password": ""}})
    if mode == "async":
        source |= {
            "enable_async_polling": True,
            "poll_interval_ms": settings.poll_interval_ms,
            "max_poll_records": settings.max_poll_records,
            "partition_pause_threshold": settings.partition_pause_threshold,
        }
        if not has_async_polling():
            source["source_file_path"] = str(FAIR_SOURCE)
    destination |= {"name": "file"}
    destination.setdefault("config", {"format": "json", "destination_id": "none"})
    from fairpoll.consumers.bizon.slow_sink import TRANSFORM  # noqa: PLC0415

    transforms = [*(own.get("transforms") or ()), {"label": "the sink's speed", "python": TRANSFORM}]
    return {**own, "name": "fairpoll", "source": source, "destination": destination, "transforms": transforms}


if __name__ == "__main__":
    main()
