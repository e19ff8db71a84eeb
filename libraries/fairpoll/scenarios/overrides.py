"""Values that replace those of a scenario: duration, topic names, traffic."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fairpoll.base.errors import ScenarioError
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.units import Bursts, parse_duration

VOLUMES = ("high", "low")


def with_overrides(
    scenario: Scenario,
    *,
    duration: str = "",
    high_topic: str = "",
    low_topic: str = "",
    high_traffic: str = "",
    low_traffic: str = "",
) -> Scenario:
    """The scenario with the given values in place of its own; "" keeps a value. Raises ScenarioError.

    A topic can be renamed only if it is the single one of its volume.
    """
    names = {"high": high_topic, "low": low_topic}
    traffic = {"high": high_traffic, "low": low_traffic}
    for volume in VOLUMES:
        if names[volume] and len(scenario.of_volume(volume)) != 1:
            raise ScenarioError(
                f"--{volume}-topic: the scenario has no single {volume}-volume topic to rename"
            )
    seconds = _parsed(parse_duration, "--duration", duration) if duration else scenario.duration_seconds

    def overridden(topic: TopicPlan) -> TopicPlan:
        text = traffic.get(topic.volume, "")
        bursts = _parsed(Bursts.parse, f"--{topic.volume}-traffic", text) if text else topic.traffic
        return replace(topic, name=names.get(topic.volume) or topic.name, traffic=bursts)

    return replace(scenario, duration_seconds=seconds, topics=tuple(map(overridden, scenario.topics)))


def _parsed(parse: Callable[[str], Any], option: str, text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise ScenarioError(f"{option}: {error}") from None
