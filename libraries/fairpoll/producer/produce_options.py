"""What the test producer can be told on top of its scenario: for how long, how much, into which topics."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fairpoll.base.errors import ClusterError, ScenarioError
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.units import Bursts, parse_duration

if TYPE_CHECKING:
    from fairpoll.cluster.admin import Admin

BROKER_DEFAULT = -1
# As long as a login over TLS far away may take, twice over.
ANSWER_SECONDS = 10.0
VOLUMES = ("high", "low")


def change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options whose values `changed` takes."""
    for volume in reversed(VOLUMES):
        traffic = f"Traffic of the {volume}-volume topic in place of the scenario's, such as '5 every 1 s'."
        topic = f"Name of the {volume}-volume topic in place of the scenario's."
        command = click.option(
            f"--{volume}-traffic", default="", metavar="TRAFFIC", help=traffic, show_envvar=True
        )(command)
        command = click.option(f"--{volume}-topic", default="", metavar="NAME", help=topic, show_envvar=True)(
            command
        )
    length = "How long, such as '30 s' or '2 minutes', in place of the scenario's."
    return click.option("--duration", default="", metavar="DURATION", help=length, show_envvar=True)(command)


def changed(
    scenario: Scenario,
    *,
    duration: str = "",
    high_topic: str = "",
    low_topic: str = "",
    high_traffic: str = "",
    low_traffic: str = "",
) -> Scenario:
    """The scenario with what is given in place of its own; "" changes nothing. Raises ScenarioError."""
    names = {"high": high_topic, "low": low_topic}
    traffic = {"high": high_traffic, "low": low_traffic}
    for volume in VOLUMES:
        if names[volume] and len(scenario.of_volume(volume)) != 1:
            raise ScenarioError(
                f"--{volume}-topic: the scenario has no single {volume}-volume topic to rename"
            )
    seconds = _parsed(parse_duration, "--duration", duration) if duration else scenario.duration_seconds

    def one(topic: TopicPlan) -> TopicPlan:
        told = traffic.get(topic.volume, "")
        bursts = _parsed(Bursts.parse, f"--{topic.volume}-traffic", told) if told else topic.traffic
        return replace(topic, name=names.get(topic.volume) or topic.name, traffic=bursts)

    return replace(scenario, duration_seconds=seconds, topics=tuple(map(one, scenario.topics)))


def create_missing(partitions: Mapping[str, int], client_config: Mapping[str, str]) -> None:
    """Create the topics that are not there and wait until they are seen. Raises ClusterError."""
    with _admin(client_config) as admin:
        admin.create_topics(partitions, BROKER_DEFAULT)


def must_answer(client_config: Mapping[str, str]) -> None:
    """Raise ClusterError unless a broker answers within ANSWER_SECONDS."""
    with _admin(client_config) as admin:
        if admin.metadata(ANSWER_SECONDS) is None:
            reason = f" ({admin.last_error.str()})" if admin.last_error else ""
            raise ClusterError(
                f"{client_config['bootstrap.servers']} did not answer as a Kafka broker within "
                f"{ANSWER_SECONDS:g} s{reason}"
            )


@contextlib.contextmanager
def _admin(client_config: Mapping[str, str]) -> Iterator["Admin"]:
    """An admin client whose own log, lines for every try to connect, is thrown away."""
    # Only here: the consumers, which share this command, start faster without what clusters need.
    from fairpoll.cluster.admin import Admin  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="fairpoll-admin-") as folder:
        admin = Admin(client_config, Path(folder) / "admin.log")
        try:
            yield admin
        finally:
            admin.close()


def _parsed(parse: Callable[[str], Any], option: str, text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise ScenarioError(f"{option}: {error}") from None
