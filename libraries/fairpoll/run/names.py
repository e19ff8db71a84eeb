"""The names of a run, and of its topics and groups on the cluster: each carries the run id."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from fairpoll.scenarios.model import Scenario


def new_run_id() -> str:
    """The date, the time (UTC) and four random digits: 20261126-012100-3fa9."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def topic_names(scenario: Scenario, run_id: str) -> dict[str, str]:
    """The scenario's topics -> their names on the cluster."""
    return {topic: f"{name}{topic_suffix(run_id)}" for topic, name in scenario.names_on_cluster.items()}


def topic_suffix(run_id: str) -> str:
    """What a run appends to the names of its topics."""
    return f".{run_id}"


def group_names(consumers: Iterable[str], run_id: str) -> dict[str, str]:
    """Consumers -> their groups on the cluster."""
    return {name: f"fairpoll.{run_id}.{name}" for name in consumers}
