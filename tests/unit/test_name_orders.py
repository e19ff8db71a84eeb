"""The order of the topics' names: which runs are made, what topics are called, and what decides."""

from dataclasses import replace
from pathlib import Path

import pytest
from robot.api import Failure

from fairpoll.evidence.history import Recording
from fairpoll.keywords.arguments import Cell
from fairpoll.keywords.judging import find, measured
from fairpoll.keywords.runs import Run
from fairpoll.keywords.session import SESSION
from fairpoll.keywords.VerdictLibrary import VerdictLibrary
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import BOTH, REVERSED, WRITTEN
from fairpoll.scenarios.packaged import SCENARIO_FOLDER
from fairpoll.verdicts.orders import judge_in_each_order
from fairpoll.verdicts.verdict import Verdict
from histories import SCENARIO, acked, consumer, delivered, recording


@pytest.mark.parametrize("path", sorted(SCENARIO_FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_reversed_names_sort_the_other_way_round(path: Path):
    scenario = load_scenario(path)
    names = [topic.name for topic in scenario.topics]
    assert scenario.named(WRITTEN).names_on_cluster == {name: name for name in names}
    reverse = scenario.named(REVERSED).names_on_cluster
    assert sorted(names, key=reverse.__getitem__) == sorted(names, reverse=True)
    assert len(set(reverse.values())) == len(names)


def test_a_run_with_reversed_names_has_a_title_and_a_folder_of_its_own():
    path = SCENARIO_FOLDER / "specified.yaml"
    reverse = Run(path, 1.0, (), names=REVERSED)
    assert reverse.folder_name == "specified-names-reversed"
    assert load_scenario(path).named(REVERSED).title.endswith(" (topic names reversed)")
    assert load_scenario(path).named(REVERSED).named(REVERSED) == load_scenario(path).named(REVERSED)


@pytest.mark.parametrize(
    ("key", "asked", "orders"),
    [
        ("", "", [WRITTEN]),
        ("backlogs", "", [WRITTEN, REVERSED]),
        ("backlogs", WRITTEN, [WRITTEN]),
        ("backlogs names: written\n", "", [WRITTEN]),
        ("", BOTH, [WRITTEN, REVERSED]),
        ("names: both\n", "", [WRITTEN, REVERSED]),
        ("names: both\n", REVERSED, [REVERSED]),
        ("names: reversed\n", "", [REVERSED]),
    ],
)
def test_the_scenario_asks_for_orders_and_the_variable_has_precedence(
    key: str, asked: str, orders: list[str], tmp_path: Path
):
    """`backlogs`: topics of both volumes have one."""
    path, both = tmp_path / "mine.yaml", key.startswith("backlogs")
    scenario = SCENARIO_FOLDER / ("outage.yaml" if both else "overload.yaml")
    path.write_text(key.removeprefix("backlogs").lstrip() + scenario.read_text("utf-8"), "utf-8")
    assert [run.names for run in Run(path, 1.0, ()).in_orders(asked)] == orders


def test_each_criterion_stands_once_in_the_message_of_a_test(monkeypatch: pytest.MonkeyPatch):
    verdicts = [Verdict(run(WRITTEN, 0.5)), Verdict(run(REVERSED, 0.7))]
    monkeypatch.setattr(SESSION, "current", verdicts)
    found = [*find("nothing_lost", "mine"), *find("oldest_wait_at_most", "mine", volume="low", seconds=5)]
    assert len(found) == 4
    assert measured(found) == "nothing lost: 0 lost; low-volume oldest wait: 0.5 s and 0.7 s"


def test_a_known_finding_is_held_against_both_orders(monkeypatch: pytest.MonkeyPatch):
    mine = consumer("mine", delivered("low", 0, 0.5))
    messages = [*acked("high", 0), *acked("low", 0)]
    lost = recording(messages, mine, scenario=replace(SCENARIO, names=REVERSED))
    monkeypatch.setattr(SESSION, "current", [Verdict(run(WRITTEN, 0.5)), Verdict(lost)])
    monkeypatch.setattr(SESSION.results, "write_verdicts", lambda: None)
    with pytest.raises(Failure, match=r"known as pass, but judged fail: .*high/0@0"):
        VerdictLibrary().finding_should_be_as_known("mine", Cell("nothing_lost"), "pass")


def run(order: str, waited: float) -> Recording:
    mine = consumer("mine", delivered("high", 0, 0.5), delivered("low", 0, waited))
    return recording([*acked("high", 0), *acked("low", 0)], mine, scenario=replace(SCENARIO, names=order))


@pytest.mark.parametrize(
    ("written", "reverse", "statuses", "cause"),
    [
        (0.5, 0.5, ["pass", "pass"], ""),
        (30.0, 30.0, ["fail", "fail"], ""),
        (30.0, 0.5, ["fail", "pass"], "; with the names reversed it passes (0.5 s): "),
        (0.5, 30.0, ["pass", "fail"], "; with the names as written it passes (0.5 s): "),
    ],
)
def test_a_failure_in_one_order_names_the_order_as_its_cause(
    written: float, reverse: float, statuses: list[str], cause: str
):
    verdicts = [Verdict(run(WRITTEN, written)), Verdict(run(REVERSED, reverse))]
    for _ in range(2):  # judged again, the cause is not added again
        found = judge_in_each_order(verdicts, "oldest_wait_at_most", "mine", volume="low", seconds=5)
        assert [finding.status for finding in found] == statuses
        named = [f.sentence for f in found if "the order of the topics' names decides" in f.sentence]
        assert len(named) == bool(cause)
        assert all(sentence.count(cause) == 1 for sentence in named)
        assert [verdict.findings for verdict in verdicts] == [[finding] for finding in found]
        assert found[1].criterion == f"{found[0].criterion}, names reversed"
