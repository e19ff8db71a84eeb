"""Scenario files: the specified one is read as specified; wrong ones are refused with line, key, allowed."""

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


WRONG = [
    ("duration: 2 minutes", "duration: 2", "line 7: duration: '2' must be text. How long traffic"),
    ("duration: 2 minutes", "duration: 2 days", "line 7: duration: '2 days' is not a duration; write for"),
    ("duration: 2 minutes", "duration: 0 s", "line 7: duration: '0 s' must be above 0"),
    ("sink: 10 per second", "sink: -1 per second", "line 8: sink: '-1 per second' is not a rate"),
    ("partitions: 3", "partitions: 0", "line 19: topics.async-test-high-volume.partitions: 0 is too small"),
    ("partitions: 3", "partitions: 3.5", "partitions: '3.5' must be a whole number"),
    ("traffic: 20 every 500 ms", "trafic: 20", "trafic: unknown key; allowed here: volume, partitions"),
    ("20 every 500 ms", "20 every 500", "'20 every 500' is not traffic; write for example 20 every 500 ms"),
    ("20 every 500 ms", "-20 every 500 ms", "'-20 every 500 ms' is not traffic"),
    ("20 every 500 ms", "0 every 500 ms", "must be above 0"),
    ("volume: low", "volume: medium", "volume: 'medium' is not allowed; one of: high, low"),
    (
        "async-test-low-volume:",
        "async-test-high-volume:",
        "line 25: 'async-test-high-volume' stands here a second",
    ),
    ("async-test-low-volume:", "a b:", "not a topic name; allowed are letters"),
    ("low_vol.json", "high_vol.json", "high_vol.json is another topic's output too"),
    ("low_vol.json", "../x.json", "'../x.json' must be a plain file name ending in .json"),
    ("sink: 10 per second\n", "", "missing: sink"),
    ("title:", "a: &a [1]\nb: *a\ntitle:", "aliases (*name) are not allowed"),
    ("title:", "- :\ntitle:", "not YAML"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), WRONG, ids=[w[2][:40] for w in WRONG])
def test_a_wrong_file_is_refused(tmp_path: Path, right: str, wrong: str, message: str):
    file = tmp_path / "wrong.yaml"
    file.write_text(SPECIFIED.read_text("utf-8").replace(right, wrong), "utf-8")
    with pytest.raises(ScenarioError) as error:
        load_scenario(file)
    assert str(error.value).startswith(f"{file}:")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; it needs title, duration, sink and topics"),
        (b"title: \xff", "is not UTF-8 text (byte 7)"),
        (b"42", "'42' must be a group of keys"),
        (b"x" * 1_000_001, "larger than 1000000 bytes"),
    ],
)
def test_what_is_no_scenario_at_all_is_refused(tmp_path: Path, content: bytes, message: str):
    file = tmp_path / "wrong.yaml"
    file.write_bytes(content)
    with pytest.raises(ScenarioError) as error:
        load_scenario(file)
    assert message in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ScenarioError, match=r"none\.yaml: no such scenario file"):
        load_scenario(tmp_path / "none.yaml")
