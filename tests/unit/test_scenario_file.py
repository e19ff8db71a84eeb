"""Scenario files: the specified one is read as specified. Wrong ones are in bad_input/."""

import json
from dataclasses import MISSING, dataclass, fields
from itertools import takewhile
from pathlib import Path

import jsonschema
import pytest

from fairpoll.base.errors import ScenarioError
from fairpoll.contract.environment import ConsumerEnvironment
from fairpoll.contract.keys import arguments, group_schema, key, whole
from fairpoll.contract.settings import PollSettings
from fairpoll.producer.traffic import live_plan
from fairpoll.scenarios.file import load_scenario, schema
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.timeline import Step
from fairpoll.scenarios.units import DURATION

ROOT = Path(__file__).parents[2]
SPECIFIED = ROOT / "resources" / "scenarios" / "specified.yaml"


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
    assert sum(len(burst.sequences) for burst in live_plan(scaled)) == 4800 + 40
    assert [t.planned_messages(scaled.duration_seconds) for t in scaled.topics] == [6800, 40]


def test_the_plan_is_in_the_order_of_time_and_keeps_each_topics_sequence():
    plan = list(live_plan(load_scenario(SPECIFIED)))
    assert plan == sorted(plan, key=lambda burst: burst.due_seconds)
    assert [s for burst in plan if burst.topic_index == 0 for s in burst.sequences] == list(range(2000, 6800))
    assert plan[-1].due_seconds == 119.5


@pytest.mark.parametrize("speed", [0, -1])
def test_a_speed_that_stands_still_is_refused(speed: float):
    with pytest.raises(ScenarioError, match="must be above 0, for example 10"):
        load_scenario(SPECIFIED).at_speed(speed)


def test_the_schema_that_editors_read_is_the_models():
    committed = ROOT / "libraries" / "fairpoll" / "scenarios" / "scenario.schema.json"
    assert json.loads(committed.read_text("utf-8")) == json.loads(json.dumps(schema())), "run docs/build.py"
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_field_of_the_model_is_a_key_and_one_without_default_is_required():
    for kind, entry in (
        (Scenario, schema()),
        (TopicPlan, schema()["properties"]["topics"]["additionalProperties"]),
        (Step, schema()["properties"]["timeline"]["items"]),
    ):
        declared = [f for f in fields(kind) if f.name != "name"]  # a topic's name is a key of the file
        keys = {f.metadata["key"].name or f.name: f for f in declared}
        assert keys.keys() == entry["properties"].keys() - {"count"}
        needed = [n for n, f in keys.items() if f.default is MISSING and f.default_factory is MISSING]
        assert entry["required"] == needed


def test_a_key_is_one_field():
    """Its schema, its reading and its default follow from the field."""

    @dataclass(frozen=True)
    class Plan:
        pause_seconds: float = key("How long. Default {default}.", DURATION, name="pause", default=0.0)
        rounds: int = key("How often. Default {default}.", whole(1, 9), default=3)

    assert group_schema(Plan)["properties"]["rounds"] == {
        "description": "How often. Default 3.",
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
    }
    assert group_schema(Plan)["required"] == []
    assert Plan(**arguments(Plan, {"pause": "500 ms"})) == Plan(pause_seconds=0.5, rounds=3)


def test_settings_travel_in_the_environment():
    settings = PollSettings(poll_interval_ms=7, poison_policy="skip")
    task = ConsumerEnvironment("g", {"a.r": "a.json", "b.r": "b.json"}, 10.5, {"b.r": 2.0}, settings)
    variables = task.to_environment()
    assert variables["FAIRPOLL_TOPICS"] == "a.r=a.json b.r=b.json"
    assert variables["FAIRPOLL_POLL_INTERVAL_MS"] == "7"
    assert ConsumerEnvironment.from_environment(variables) == task
    unlimited = ConsumerEnvironment("g", {"a.r": "a.json"}, None)
    assert ConsumerEnvironment.from_environment(unlimited.to_environment()) == unlimited


@pytest.mark.parametrize(("session_ms", "heartbeat"), [(2000, "666"), (3000, "1000"), (45_000, "3000")])
def test_the_heartbeat_fits_into_the_session_three_times(session_ms: int, heartbeat: str):
    settings = PollSettings(session_timeout_ms=session_ms)
    assert settings.to_environment()["FAIRPOLL_HEARTBEAT_INTERVAL_MS"] == heartbeat
    assert PollSettings.from_environment(settings.to_environment()) == settings


def test_json_and_back():
    scenario = load_scenario(SPECIFIED)
    assert Scenario.from_json(scenario.to_json()) == scenario


@pytest.mark.parametrize("path", sorted(SPECIFIED.parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_is_valid_explained_and_run_by_a_suite(path: Path):
    load_scenario(path)
    head, _, *comment = takewhile(lambda line: line.startswith("#"), path.read_text("utf-8").splitlines())
    assert head.startswith("# yaml-language-server: $schema=")
    assert (path.parent / head.partition("=")[2]).is_file()
    labels = [line.split(":")[0] for line in comment if not line.startswith("#   ")]
    assert labels == ["# Question", "# Values", "# To change"]
    if path.stem in ("specified", "faults", "faults_again", "soak"):  # these have suites of another name
        return
    (suite,) = (ROOT / "suites" / "40__scenarios").glob(f"[0-9][0-9]__{path.stem}.robot")
    assert path.name in suite.read_text("utf-8")
    page = ROOT / "docs" / "explanation" / "the-specification.md"
    assert f"/resources/scenarios/{path.name})" in page.read_text("utf-8")
