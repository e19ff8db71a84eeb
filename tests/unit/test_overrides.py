"""How options of the test producer override its scenario."""

from pathlib import Path

import pytest

from fairpoll.base.errors import ScenarioError
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.overrides import with_overrides

SCENARIOS = Path(__file__).parents[2] / "resources" / "scenarios"


def test_nothing_told_changes_nothing():
    scenario = load_scenario(SCENARIOS / "specified.yaml")
    assert with_overrides(scenario) == scenario


def test_duration_topics_and_traffic():
    scenario = with_overrides(
        load_scenario(SCENARIOS / "specified.yaml"),
        duration="30 s",
        high_topic="analytics",
        low_traffic="2 every 5 s",
    )
    high, low = scenario.topics
    assert scenario.duration_seconds == 30
    assert (high.name, high.traffic.messages, high.partitions) == ("analytics", 20, 3)
    assert (low.name, low.traffic.messages, low.traffic.interval_seconds) == ("async-test-low-volume", 2, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duration": "5"}, "--duration: '5' is not a duration"),
        ({"high_traffic": "many"}, "--high-traffic: 'many' is not traffic"),
    ],
)
def test_what_is_not_understood_is_named(changes: dict[str, str], message: str):
    with pytest.raises(ScenarioError, match=message):
        with_overrides(load_scenario(SCENARIOS / "specified.yaml"), **changes)


def test_one_name_for_many_topics_is_refused():
    with pytest.raises(ScenarioError, match="--low-topic: the scenario has no single low-volume topic"):
        with_overrides(load_scenario(SCENARIOS / "hundred_topics.yaml"), low_topic="mine")
