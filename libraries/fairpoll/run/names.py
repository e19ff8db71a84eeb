"""The names of a run, and of its topics and groups on the cluster: each carries the run id."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime

from fairpoll.base.errors import ScenarioError
from fairpoll.scenarios.model import CONTROL, Scenario

# What the names of a run's groups begin with, unless a prefix is set.
GROUP_PREFIX = "fairpoll."


def new_run_id() -> str:
    """The date, the time (UTC) and four random digits: 20261126-012100-3fa9."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def topic_names(scenario: Scenario, suffix: str, prefix: str = "") -> dict[str, str]:
    """The scenario's topics -> their names on the cluster. Fixed names get neither prefix nor suffix."""
    fixed = {topic.name: topic.fixed_name for topic in scenario.topics}
    names = scenario.names_on_cluster
    return {topic: fixed[topic] or f"{prefix}{name}{suffix}" for topic, name in names.items()}


def topic_suffix(run_id: str) -> str:
    """What a run appends to the names of its topics."""
    return f".{run_id}"


def group_names(consumers: Collection[str], run_id: str, prefix: str = "", fixed: str = "") -> dict[str, str]:
    """Consumers -> their groups on the cluster; `fixed` is the group of the one that is not the control.

    Raises ScenarioError if several consumers would have the fixed group.
    """
    under_test = [name for name in consumers if name != CONTROL]
    if fixed and len(under_test) > 1:
        raise ScenarioError(
            f"the scenario's group {fixed} is for one consumer, and the run has {len(under_test)} beside the "
            f"control: {', '.join(under_test)}; run them one after the other, or leave out `group`"
        )
    names = {name: f"{prefix or GROUP_PREFIX}{run_id}.{name}" for name in consumers}
    return names | (dict.fromkeys(under_test, fixed) if fixed else {})
