"""Scenario files: the specified one is read as specified. Wrong ones are in bad_input/."""

from pathlib import Path

import pytest

from fairpoll.errors import ScenarioError
from fairpoll.scenario import Scenario
from fairpoll.scenario_file import load_scenario
from fairpoll.traffic import live_plan

SPECIFIED = Path(__file__).parent.parent / "resources" / "scenarios" / "specified.yaml"


def test_the_specified_scenario_is_the_specification():
    scenario = load_scenario(SPECIFIED)
    high, low = scenario.topics
    assert (scenario.duration_seconds, scenario.sink_rate) == (120, 10)
    assert (high.name, high.partitions, high.backlog) == ("async-test-high-volume", 3, 2000)
    assert (high.traffic.messages, high.traffic.interval_seconds) == (20, 0.5)
    assert (low.name, low.partitions, low.backlog) == ("async-test-low-volume", 1, 0)
    assert (low.traffic.messages, low.traffic.interval_seconds) == (1, 3)
    settings = scenario.settings
    assert settings.poll_interval_ms == 50
    assert settings.max_poll_records == 100
    assert settings.partition_pause_threshold == 500


@pytest.mark.parametrize("speed", [1, 3, 7, 10, 100])
def test_speed_changes_no_count(speed: float):
    scenario = load_scenario(SPECIFIED)
    scaled = scenario.at_speed(speed)
    assert sum(1 for _ in live_plan(scaled)) == 4800 + 40
    assert [t.planned_messages(scaled.duration_seconds) for t in scaled.topics] == [6800, 40]


def test_the_plan_is_in_the_order_of_time_and_keeps_each_topics_sequence():
    plan = list(live_plan(load_scenario(SPECIFIED)))
    assert plan == sorted(plan, key=lambda planned: planned.due_seconds)
    assert [p.sequence for p in plan if p.topic_index == 0] == list(range(2000, 6800))
    assert plan[-1].due_seconds == 119.5


@pytest.mark.parametrize("speed", [0, -1])
def test_a_speed_that_stands_still_is_refused(speed: float):
    with pytest.raises(ScenarioError, match="must be above 0, for example 10"):
        load_scenario(SPECIFIED).at_speed(speed)


def test_json_and_back():
    scenario = load_scenario(SPECIFIED)
    assert Scenario.from_json(scenario.to_json()) == scenario
