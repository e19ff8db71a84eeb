"""Members of a group, as the coordinator's records have them: assignments, and who departed."""

import math
from dataclasses import replace

import pytest

from fairpoll.checkers import judge
from fairpoll.contract.evidence_kinds import ALL_EVIDENCE
from fairpoll.evidence.history import Departure, Held, ObservedGroup
from fairpoll.evidence.reading.membership import Membership, RunningProcess
from fairpoll.evidence.reading.samples import Samples
from histories import acked, consumer, delivered, recording

P0, P1 = ("t", 0), ("t", 1)
FIRST = RunningProcess("", -5.0, math.inf, math.inf)


def members(at: float, **owned: list[tuple[str, int]]) -> dict:
    """The event of a group whose members own these partitions."""
    listed = [{"topic": t, "partition": n, "member": m} for m, ps in owned.items() for t, n in ps]
    return {"name": "group_members", "at": at, "generation": 1, "members": [*owned], "partitions": listed}


def folded(*events: dict, processes: tuple[RunningProcess, ...] = (FIRST,), speed: float = 1.0) -> Membership:
    membership = Membership(processes, speed)
    membership.take(events)
    return membership


def changes(membership: Membership) -> list[tuple[str, float, str, list[int]]]:
    return [
        (event["name"], event["at"], event["member"], [p["partition"] for p in event["partitions"]])
        for event in membership.assignments
    ]


def test_a_group_that_nobody_joined():
    assert not folded().joined
    assert not folded(members(0)).joined
    assert folded(members(0), members(1, a=[P0])).joined


def test_an_evicted_member_departs_and_its_successor_is_assigned_anew():
    """In between it does not know of it, and may go on with what it has."""
    membership = folded(members(0, a=[P0, P1]), members(4), members(6, b=[P0, P1]))
    assert membership.departures == [Departure(4, "")]
    assert changes(membership) == [
        ("partitions_assigned", 0, "", [0, 1]),
        ("partitions_assigned", 6, "", [0, 1]),
    ]


def test_a_process_that_starts_slowly_may_join_after_one_that_was_started_later():
    """Seen on a loaded machine: the process started at 3.2 joined at 4.3, that of 4.1 joined at 5.3."""
    stayed = RunningProcess("", 3.2, 24.9, 24.95)
    left = RunningProcess("member-2", 4.1, 6.08, 6.16)
    joins = (members(4.3, a=[P0, P1]), members(5.3, a=[P0], b=[P1]), members(6.28, a=[P0, P1]), members(24.9))
    membership = folded(*joins, processes=(stayed, left))
    assert membership.departures == []
    assert changes(membership)[:2] == [
        ("partitions_assigned", 4.3, "", [0, 1]),
        ("partitions_revoked", 5.3, "", [1]),
    ]


@pytest.mark.parametrize("asked", [3.9, 4.05])
def test_a_member_whose_process_was_asked_to_stop_has_left(asked: float):
    membership = folded(members(0, a=[P0]), members(4), processes=(replace(FIRST, asked_to_stop=asked),))
    assert membership.departures == []
    assert changes(membership)[-1] == ("partitions_revoked", 4, "", [0])


def test_a_killed_member_disappears_when_its_session_ends():
    killed = replace(FIRST, asked_to_stop=2.0, ended=2.0)
    successor = RunningProcess("", 2.5, math.inf, math.inf)
    membership = folded(members(0, a=[P0]), members(9, b=[P0]), processes=(killed, successor))
    assert membership.departures == []
    assert [change[:2] for change in changes(membership)] == [
        ("partitions_assigned", 0),
        ("partitions_revoked", 9),
        ("partitions_assigned", 9),
    ]


@pytest.mark.parametrize(
    ("fields", "held_until"),
    [({"at_once": True}, 9), ({"static": ["b"]}, 5), ({}, None)],
    ids=["consumer protocol", "static", "classic"],
)
def test_an_ended_member_holds_its_partitions(fields: dict, held_until: float | None):
    """Until the record of its end; a classic group writes it late, so that a session bounds it."""
    second = RunningProcess("member-2", -4.0, 2.0, 2.0)
    membership = Membership((FIRST, second), 1.0, session_seconds=3.0)
    events = (members(0, b=[P0]), members(0.1, b=[P0], a=[P1]), members(9, a=[P0, P1]))
    membership.take([{**taken, **fields} for taken in events])
    assert membership.held == ([Held(P0, 2.0, held_until)] if held_until else [])


def test_a_static_member_whose_successor_takes_its_place_over_held_nothing():
    ended = replace(FIRST, asked_to_stop=2.0, ended=2.0)
    membership = Membership((ended, RunningProcess("", 2.5, math.inf, math.inf)), 1.0, session_seconds=3.0)
    membership.take([{**taken, "static": ["a", "b"]} for taken in (members(0, a=[P0]), members(4, b=[P0]))])
    assert membership.held == []


def test_partitions_go_to_a_second_process_and_come_back():
    second = RunningProcess("member-2", 3.0, 8.0, 8.5)
    membership = folded(
        members(0, a=[P0, P1]),
        members(4, a=[P0], b=[P1]),
        members(8.2, a=[P0, P1]),
        processes=(FIRST, second),
    )
    assert membership.departures == []
    assert changes(membership) == [
        ("partitions_assigned", 0, "", [0, 1]),
        ("partitions_revoked", 4, "", [1]),
        ("partitions_assigned", 4, "member-2", [1]),
        ("partitions_revoked", 8.2, "member-2", [1]),
        ("partitions_assigned", 8.2, "", [1]),
    ]


def test_the_first_member_that_is_evicted_beside_a_second_one():
    second = RunningProcess("member-2", 3.0, math.inf, math.inf)
    events = (members(0, a=[P0, P1]), members(4, a=[P0], b=[P1]), members(6, b=[P0, P1]))
    membership = folded(*events, members(7, b=[P1], c=[P0]), processes=(FIRST, second))
    assert membership.departures == [Departure(6, "")]
    assert changes(membership)[-1] == ("partitions_assigned", 7, "", [0])


def test_a_partition_between_two_cooperative_generations_stays_with_its_owner():
    """It learns of the new generation later than the coordinator has written it."""
    membership = folded(members(0, a=[P0, P1]), members(4, a=[P0]), members(5, a=[P0]))
    assert changes(membership) == [("partitions_assigned", 0, "", [0, 1])]


def test_a_coordinator_that_was_asked_gave_the_partitions_since_it_was_asked_before():
    asked = {**members(4.0, a=[P0]), "lag_ms": 300.0}
    assert changes(folded(asked, speed=10.0)) == [("partitions_assigned", 1.0, "", [0])]


def test_the_coordinator_states_the_protocol():
    event = {**members(4.0, a=[P0]), "at_once": True, "lag_ms": 300.0}
    for kind in ("consumer", "classic"):
        assert folded({**event, "kind": kind}).observed().consumer_protocol == (kind == "consumer")


def test_of_earlier_versions_only_the_log_shows_that_a_group_uses_the_consumer_protocol():
    event = {**members(4.0, a=[P0]), "at_once": True}
    assert folded(event).observed().consumer_protocol
    assert not folded({**event, "lag_ms": 300.0}).observed().consumer_protocol
    assert not folded({**event, "at_once": False}).observed().consumer_protocol


def test_the_order_of_the_log_counts_where_the_timestamps_contradict_it():
    """Apache Kafka 4.3.1 wrote that a group is empty, and then its first member with an earlier time."""
    samples = Samples()
    for offset, at in ((5, 2.0), (6, 1.9)):
        commit = {"offsets": [{"topic": "t", "partition": 0, "offset": offset}], "final": False, "log": True}
        samples.take({"name": "committed_offsets", "at": at, **commit})
    for event in (members(-0.7), members(-0.8, a=[P0]), members(4.0, a=[P0], b=[P1])):
        samples.take(event)
    samples.take({"name": "offsets_log", "problem": "", "exact": True, "members": True})
    assert [(commit.at, commit.offset) for commit in samples.commits] == [(2.0, 5), (2.0, 6)]
    membership = samples.membership([FIRST], 1.0)
    assert membership
    assert membership.departures == []


@pytest.mark.parametrize("problem", ["", "it may not be read"])
def test_a_coordinator_that_was_asked_before_the_log_was_read_evicts_nobody(problem: str):
    """The log's first records are of earlier times than the answer, which comes before them in the file."""
    samples = Samples()
    asked = {**members(-0.5, a=[P0]), "lag_ms": 1000.0}
    for event in (asked, *([] if problem else [members(-0.8), members(-0.7, a=[P0])])):
        samples.take(event)
    samples.take({"name": "offsets_log", "problem": problem, "exact": True, "members": True})
    membership = samples.membership([FIRST], 1.0)
    assert membership
    assert membership.departures == []
    assert membership.joined
    assert changes(membership) == [("partitions_assigned", -1.5 if problem else -0.7, "", [0])]


class TestTheCriterion:
    def judged(self, *departures: Departure, faults: tuple[dict, ...] = ()):
        mine = replace(consumer("mine"), group=ObservedGroup(joined=True, departures=departures))
        run = recording(acked("low", 0), mine, facts={"start_ms": 0.0, "faults": faults})
        return judge("membership_kept", run, "mine")

    def test_kept(self):
        assert self.judged().sentence == "mine was never evicted from its group, expected never"

    def test_a_departure_fails_without_an_event_of_the_consumer(self):
        finding = self.judged(Departure(4.0, ""))
        assert (finding.status, finding.figures) == ("fail", {"lost": 1})
        assert finding.sentence == (
            "mine was evicted from its group, or left it without being stopped, once (at 4.0 s), "
            "expected never"
        )

    def test_a_fault_and_a_session_after_it_excuse(self):
        fault = {"target": "network", "what": "isolated", "from_ms": 3_000.0, "until_ms": 4_000.0}
        assert self.judged(Departure(5.0, ""), faults=(fault,)).status == "pass"
        assert self.judged(Departure(2.0, ""), faults=(fault,)).status == "fail"


class TestAGroupThatNobodyJoined:
    CRITERIA = ("commits_never_ahead", "commits_never_back", "commits_caught_up")

    @pytest.mark.parametrize("criterion", CRITERIA)
    def test_no_commit_is_not_the_consumers_commit(self, criterion: str):
        evidence = ALL_EVIDENCE - {"commits"}
        mine = replace(consumer("mine", delivered("low", 0, 0.5)), final_offsets={}, evidence=evidence)
        finding = judge(
            criterion, recording(acked("low", 0), mine, facts={"groups": {"mine": "g-mine"}}), "mine"
        )
        assert (finding.status, finding.measured) == ("inconclusive", "no evidence")
        assert finding.sentence.startswith(
            "no commit was ever seen in group g-mine, which nobody joined: mine may assign itself"
        )
