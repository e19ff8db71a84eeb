"""The consumer under test is declared once; options, variables and arguments follow."""

import inspect
import re
import sys
from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import fairpoll.run
from fairpoll.base.errors import ConsumerError, FairpollError, ScenarioError
from fairpoll.cli import test as command
from fairpoll.contract.subject import ATTRIBUTES, Subject
from fairpoll.keywords.ScenarioLibrary import ScenarioLibrary
from fairpoll.keywords.session import SESSION
from fairpoll.keywords.suite_scenarios import SCENARIOS
from fairpoll.run.attached import require_attachable
from fairpoll.run.modes import consumer_of
from fairpoll.run.startable import check_can_start
from fairpoll.scenarios.model import Step
from fairpoll.scenarios.units import Action
from histories import SCENARIO

RESOURCE = Path(__file__).parents[2] / "resources" / "acceptance.resource"
KEYWORDS = ("run_scenario", "run_scenarios_side_by_side", "start_scenario")


def test_every_attribute_of_a_consumer_but_its_mode_is_declared_by_its_user():
    # Where its records are seen takes two texts.
    declared = {*ATTRIBUTES, "source"} - {"evidence", "query"}
    assert {field.name for field in fields(Subject)} == {*declared, "mode"}


def test_the_command_has_an_option_for_each_attribute():
    assert ATTRIBUTES.keys() < {option.name for option in command.test.params}


@pytest.mark.parametrize("name", KEYWORDS)
def test_the_keywords_have_an_argument_for_each_attribute_and_document_it(name: str):
    keyword = getattr(ScenarioLibrary, name)
    arguments = {attribute.argument for attribute in ATTRIBUTES.values()}
    assert arguments < inspect.signature(keyword).parameters.keys()
    documented = set(re.findall(r"^    (\w+): ", keyword.__doc__, re.MULTILINE))
    assert documented == inspect.signature(keyword).parameters.keys() - {"self"}


def test_the_suites_hand_each_attribute_to_the_keywords():
    text = RESOURCE.read_text("utf-8")
    handed = dict(re.findall(r"^\.\.\. +(\w+)=\$\{(\w+)\}$", text, re.MULTILINE))
    assert handed.items() >= {one.argument: one.variable for one in ATTRIBUTES.values()}.items()
    declared = set(re.findall(r"^\$\{(\w+)\}", text, re.MULTILINE))
    assert {one.variable for one in ATTRIBUTES.values()} < declared


def test_a_consumer_is_parsed_from_texts():
    mine = Subject.parse("yours", {"command": "./mine --password=secret1", "shows": "records, buffers"})
    assert (mine.name, mine.shows, mine.mode) == ("mine", ("records", "buffers"), "yours")
    assert mine.recorded.command == "./mine --password=***"
    with_files = Subject.parse("async", {"command": "./mine", "fields": "topic=t", "name": None})  # type: ignore[dict-item]
    assert with_files.shows == ("records", "contents", "places")


def test_a_container_needs_no_command_and_has_the_name_of_its_image():
    mine = Subject.parse("yours", {"image": "registry.example.org:5000/team/My_Service:1.2@sha256:abc"})
    assert (mine.name, mine.command) == ("My_Service", ())
    assert mine.recorded.started == "registry.example.org:5000/team/My_Service:1.2@sha256:abc"
    texts = {"image": "service", "command": "A=b --password x", "environment": "DSN, API_TOKEN"}
    with_command = Subject.parse("yours", texts)
    assert with_command.command == ("A=b", "--password", "x")
    assert with_command.environment == ("DSN", "API_TOKEN")
    assert with_command.recorded.started == "service A=b --password ***"
    assert Subject.parse("yours", {"image": "async"}).name == "your-async"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"image": "my service"}, "IMAGE: 'my service' is not the name of an image"),
        ({"image": "--privileged"}, "IMAGE: '--privileged' is not the name of an image"),
        ({"image": "mine", "environment": "A=b"}, "ENVIRONMENT: 'A=b' is not the name of a variable"),
        ({"service": "shop"}, "SERVICE and FILE go together"),
        ({"service": "a b", "file": "x"}, "SERVICE: 'a b' is not the name of a service"),
        ({"service": "shop", "file": "x", "image": "mine"}, "SERVICE and IMAGE exclude each other"),
        ({"command": "./mine", "environment": "A"}, "ENVIRONMENT is for IMAGE and SERVICE"),
    ],
)
def test_a_container_that_is_described_wrongly(texts: dict[str, str], message: str):
    with pytest.raises(ConsumerError, match=message):
        Subject.parse("yours", texts)


def test_a_container_needs_an_engine_its_sdk_and_its_variables(monkeypatch: pytest.MonkeyPatch):
    mine = Subject.parse("yours", {"image": "mine"})
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such.sock")
    with pytest.raises(FairpollError, match=r"does not answer at unix:///no/such\.sock;.*without IMAGE"):
        check_can_start(mine)
    with pytest.raises(ConsumerError, match="ENVIRONMENT: NO_SUCH_VARIABLE is not set"):
        check_can_start(replace(mine, environment=("NO_SUCH_VARIABLE",)))
    monkeypatch.delitem(sys.modules, "fairpoll.run.containers", raising=False)
    monkeypatch.delattr(fairpoll.run, "containers", raising=False)
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(ConsumerError, match=r"a container needs pip install 'fairpoll\[docker\]'"):
        check_can_start(mine)


def test_restart_is_yes_or_no_and_recorded():
    given = {"yes": True, "YES": True, "no": False, "": False}
    for text, restart in given.items():
        mine = Subject.parse("yours", {"command": "./mine", "restart": text})
        assert (mine.restart, mine.recorded.restart) == (restart, restart)
    with pytest.raises(ConsumerError, match="RESTART: 'always' is neither yes nor no"):
        Subject.parse("yours", {"command": "./mine", "restart": "always"})


def test_a_log_on_standard_output_is_declared_and_recorded():
    mine = Subject.parse("yours", {"command": "./mine", "log_on_stdout": "yes"})
    assert mine.log_on_stdout
    assert mine.recorded.log_on_stdout
    assert not Subject.parse("yours", {"command": "./mine"}).recorded.log_on_stdout
    with pytest.raises(ConsumerError, match="LOG_ON_STDOUT: 'maybe' is neither yes nor no"):
        Subject.parse("yours", {"command": "./mine", "log_on_stdout": "maybe"})


def test_a_consumer_that_runs_already_needs_no_command():
    mine = Subject.parse("yours", {"attach": "yes"})
    assert (mine.name, mine.command, mine.attach) == ("attached", (), True)
    assert mine.recorded.attach
    assert consumer_of("yours", {"command": "", "attach": "yes"}) == mine
    assert consumer_of("async", {"attach": "no"}).is_built_in
    with pytest.raises(ConsumerError, match="CONSUMER is empty"):
        Subject.parse("yours", {"attach": "no"})


@pytest.mark.parametrize(
    ("changes", "texts", "sentence"),
    [
        ({"group": ""}, {}, "it lacks `group`$"),
        ({"topics": SCENARIO.topics}, {}, r"it lacks `name` of high, `create: no` of high, `name` of low"),
        ({"reset_group": True}, {}, "the offsets of group g cannot be set while it has members"),
        ({"timeline": (Step(1.0, Action("kill")),)}, {}, "step `kill` starts or stops a consumer that runs"),
        ({"timeline": (Step(1.0, Action("sink", 5.0)),)}, {}, "step `sink` changes the sink's rate of"),
        ({}, {"evidence": "topic"}, "EVIDENCE=topic is new in each run; write topic:NAME"),
        ({}, {"evidence": "http"}, "EVIDENCE=http is new in each run; write http:PORT"),
        ({}, {"evidence": "topic:out"}, ""),
        ({"timeline": (Step(1.0, Action("sink", 5.0)),)}, {"evidence": "http:8080"}, ""),
    ],
)
def test_the_scenario_of_a_consumer_that_runs_already_names_group_and_topics(
    changes: dict[str, Any], texts: dict[str, str], sentence: str
):
    named = [replace(t, fixed_name=f"prod.{t.name}", create=False) for t in SCENARIO.topics]
    scenario = replace(SCENARIO, **{"topics": tuple(named), "group": "g", **changes})
    consumer = Subject.parse("yours", {"attach": "yes", **texts})
    with pytest.raises(ScenarioError, match=sentence) if sentence else nullcontext():
        require_attachable(scenario, consumer)
    require_attachable(scenario, replace(consumer, attach=False))


def test_an_attribute_that_a_consumer_does_not_have_is_an_error():
    with pytest.raises(TypeError, match="a consumer has no colour"):
        Subject.parse("yours", {"command": "x", "colour": "red"})
    with pytest.raises(ConsumerError, match="CONSUMER is empty"):
        Subject.parse("yours", {"command": " "})


def test_a_run_in_the_background_has_a_name_beside_its_consumers(monkeypatch: pytest.MonkeyPatch):
    began: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(SCENARIOS, "file", lambda: Path("faults.yaml"))
    monkeypatch.setattr(
        SESSION, "begin", lambda run, _file, _speed, subjects: began.append((run, [s.name for s in subjects]))
    )
    yours = {"consumer": "./mine", "consumer_name": "mine"}
    ScenarioLibrary().start_scenario("killed leader", "async", **yours)
    assert began == [("killed leader", ["mine"])]
