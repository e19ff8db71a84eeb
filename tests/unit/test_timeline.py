"""A step of the timeline waits until the member that it concerns has its partitions."""

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from support.histories import SCENARIO, acked, consumer, delivered, recording

from fairpoll.checkers import judge
from fairpoll.contract.events import dump
from fairpoll.contract.subject import Subject
from fairpoll.run.members import Members
from fairpoll.run.timeline import Timeline
from fairpoll.scenarios.timeline import Step
from fairpoll.scenarios.units import Action


@dataclass
class Process:
    """A member that has written these events and takes any command."""

    name: str
    events: Path
    environment: dict[str, str]
    running: bool = True

    def report(self, name: str, *partitions: int) -> None:
        owned = [{"topic": "t", "partition": number} for number in partitions]
        with self.events.open("a") as file:
            file.write(dump({"timestamp": 0, "name": name, "partitions": owned}) + "\n")

    def terminate(self) -> None: ...
    def stop(self) -> None: ...


@pytest.fixture
def members(tmp_path: Path) -> Members:
    class Processes:
        def start_consumer(
            self, name: str, _consumer: object, environment: dict[str, str], events: Path, _log: Path
        ) -> Process:
            events.parent.mkdir(exist_ok=True, parents=True)
            return Process(name, events, environment)

    group = Members(Subject("c", ("c",)), {}, tmp_path / "c", Processes())  # type: ignore[arg-type]
    group.start()
    return group


class TestReady:
    def test_a_second_member_leaves_once_it_has_been_assigned_its_partitions(self, members: Members):
        members.first.report("partitions_assigned", 0, 1)
        members.act(Action("join"))
        assert not members.ready_for(Action("leave"))
        members.second.report("startup_complete")
        assert not members.ready_for(Action("leave"))
        members.second.report("partitions_assigned")  # more members than partitions: it has what it gets
        assert members.ready_for(Action("leave"))

    @pytest.mark.parametrize("verb", ["join", "stop", "kill"])
    def test_the_first_has_to_own_partitions_at_the_moment(self, members: Members, verb: str):
        members.first.report("partitions_assigned", 0, 1)
        assert members.ready_for(Action(verb))
        members.first.report("partitions_revoked", 0, 1)
        assert not members.ready_for(Action(verb))
        members.first.report("partitions_assigned", 0)
        members.first = members.start()
        assert not members.ready_for(Action(verb))

    def test_the_start_of_a_process_may_be_reported_after_its_assignment(self, members: Members):
        members.first.report("partitions_assigned", 0, 1)
        members.first.report("startup_complete")
        assert members.ready_for(Action("stop"))
        members.act(Action("stop"))
        members.act(Action("start"))  # the end of its predecessor is in no line
        assert not members.ready_for(Action("stop"))
        members.first.report("partitions_assigned", 0, 1)
        members.first.report("startup_complete")
        assert members.ready_for(Action("stop"))

    def test_one_that_has_ended_is_not_waited_for(self, members: Members):
        members.first.report("partitions_assigned", 0, 1)
        members.first.report("partitions_revoked", 0, 1)
        members.first.running = False
        assert members.ready_for(Action("stop"))

    def test_a_consumer_that_reports_no_assignments_is_not_waited_for(self, members: Members):
        members.first.report("startup_complete")
        members.act(Action("join"))
        assert members.ready_for(Action("leave"))


def test_each_member_has_a_name_that_its_successor_takes_over(members: Members):
    first = members.first
    members.act(Action("join"))
    members.act(Action("stop"))
    members.act(Action("start"))
    names = [process.environment["FAIRPOLL_MEMBER"] for process in (first, members.second, members.first)]
    assert names == ["member-1", "member-2", "member-1"]


@dataclass
class Group:
    """Becomes ready for a step when it has been asked this often."""

    ready_after: int
    consumer: Subject = field(default_factory=lambda: Subject("late", ("c",)))
    asked: itertools.count = field(default_factory=itertools.count)
    steps: list[str] = field(default_factory=list)
    waited_for: list[object] = field(default_factory=list)

    def ready_for(self, action: Action) -> bool:
        return action.verb != "leave" or next(self.asked) >= self.ready_after

    def act(self, action: Action) -> None:
        self.steps.append(action.verb)


def moments(*groups: Group) -> list[float]:
    """The moments of join, leave and start, planned for 0, 1 and 3 s of a run of 4 s, in half seconds."""
    steps = [Step(0.0, Action("join")), Step(1.0, Action("leave")), Step(3.0, Action("start"))]
    scenario = replace(SCENARIO, duration_seconds=4.0, timeline=tuple(steps))
    timeline = Timeline(scenario, groups)  # type: ignore[arg-type]
    at: list[float] = []
    for elapsed in itertools.count(0.0, 0.5):
        over = timeline.over(elapsed)
        at += [elapsed] * (len(timeline.done) - len(at))
        if over:
            for group in groups:
                group.waited_for = [step["waited_for"] for step in timeline.done]
            return at
    raise AssertionError


def test_steps_are_done_when_they_are_due():
    assert moments(Group(0), Group(0)) == [0.0, 1.0, 3.0]


def test_a_step_waits_for_every_group_and_delays_the_steps_after_it():
    groups = [Group(0), Group(2)]
    assert moments(*groups) == [0.0, 2.0, 4.0]
    assert [group.steps for group in groups] == [["join", "leave", "start"]] * 2


def test_a_member_that_never_gets_partitions_delays_nothing_beyond_the_live_traffic():
    assert moments(never := Group(1_000_000)) == [0.0, 4.0, 6.0]
    assert never.steps == ["join", "leave", "start"]
    assert never.waited_for == [[], ["late"], ["late"]]


@pytest.mark.parametrize(
    ("leave_at", "waited_for", "doubt"),
    [
        (6.2, [], ""),
        (7.0, ["slow"], ""),
        (9.2, ["slow"], "came at second 9.2 of 10, because slow had no assignment until then"),
        (10.1, ["slow"], "came when the traffic was over, because slow had no assignment until then"),
    ],
)
def test_a_late_step_is_a_doubt_for_what_rests_on_it(leave_at: float, waited_for: list[str], doubt: str):
    steps = (Step(3.0, Action("join")), Step(6.0, Action("leave")))
    done = [
        {"at_ms": 3_050.0, "verb": "join", "rate": None},
        {"at_ms": leave_at * 1000, "verb": "leave", "rate": None, "waited_for": waited_for},
    ]
    run = recording(
        acked("low", 2, 9),
        consumer("c", delivered("low", 0, 2.5), delivered("low", 1, 9.5)),
        scenario=replace(SCENARIO, duration_seconds=10.0, timeline=steps),
        facts={"start_ms": 0.0, "timeline": done},
    )
    for check, thresholds in (("delivers_again", {"seconds": 5.0}), ("order_kept", {})):
        finding = judge(check, run, "c", **thresholds)
        if doubt:
            assert finding.status == "inconclusive"
            assert finding.sentence.startswith(f"the step 'leave', planned at second 6, {doubt} (c ")
        else:
            assert finding.status == "pass", finding.sentence
    assert judge("nothing_lost", run, "c").status == "pass"
