"""What is made of the samples of a live group: times of arrival, rates, stalls, and the verdict."""

import math
import socket
from collections.abc import Mapping
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, generate_latest

import fairpoll.cli.watch as command
from fairpoll.base.errors import FairpollError
from fairpoll.cli.main import main
from fairpoll.contract.records import Partition
from fairpoll.watch.arrivals import MOST_ENDS, Ends
from fairpoll.watch.budgets import Budgets
from fairpoll.watch.group import Follower, State
from fairpoll.watch.metrics import Metrics, served
from fairpoll.watch.position import Offsets, Sample
from fairpoll.watch.waiting import Waiting

P, Q = ("t", 0), ("q", 0)


def ends(*seen: tuple[float, int]) -> Ends:
    found = Ends()
    for at, end in seen:
        found.add(at, at + 1, end)
    return found


def test_a_record_came_between_two_looks():
    seen = ends((0, 5), (10, 5), (20, 5), (30, 9))
    assert seen.came_between(4) == (-math.inf, 1)
    assert seen.came_between(5) == seen.came_between(8) == (20, 31)
    assert seen.came_between(9) == (30, math.inf)


def test_a_new_leader_that_lags_behind_is_not_a_shorter_log():
    assert ends((0, 5), (10, 3), (20, 6)).came_between(4) == (-math.inf, 1)


def test_of_many_ends_all_times_stay_known_roughly():
    seen = ends(*((float(n), n) for n in range(10_000)))
    assert len(seen.end) <= MOST_ENDS
    for offset in (3, 5_000, 9_990):
        earliest, latest = seen.came_between(offset)
        assert earliest <= offset + 1 <= latest
        assert latest - earliest < 9_000


def sample(
    at: float, committed: Mapping[Partition, int | None], *, owner: str = "a", members: str = "a"
) -> Sample:
    offsets = {p: Offsets(offset, 0, 100, 100, "id") for p, offset in committed.items()}
    owners = dict.fromkeys(committed, owner) if owner else {}
    return Sample(at * 1000 - 1, at * 1000, "stable", offsets, owners, members.split())


def states(*samples: tuple[Sample, Waiting]) -> list[State]:
    follower = Follower()
    return [follower.take(seen, dict.fromkeys(seen.offsets, waiting)) for seen, waiting in samples]


WAITS = Waiting("age", 3.0, 3.0, 10)


def test_rates_and_shares_are_of_the_last_half_minute():
    follower, last = Follower(), None
    for second in range(100):
        offsets = {P: 10 * second, Q: 30 * second if second > 50 else 0}
        seen = sample(second, offsets)
        last = follower.take(seen, {P: WAITS, Q: WAITS})
    assert last
    assert {row.topic: round(row.rate) for row in last.rows} == {"t": 10, "q": 30}
    assert {topic: round(share, 2) for topic, share in last.shares().items()} == {"q": 0.75, "t": 0.25}


def test_a_stall_lasts_while_messages_wait_without_a_commit():
    none = Waiting("none")
    seen = ((0, 5, WAITS), (10, 5, WAITS), (11, 6, WAITS), (12, 7, none), (13, 7, WAITS), (15, 7, WAITS))
    made = states(*((sample(at, {P: committed}), waiting) for at, committed, waiting in seen))
    assert [row.stalled_seconds for state in made for row in state.rows] == [0, 10, 0, 0, 0, 2]
    assert made[-1].rows[0].commit_seconds == 11


def test_backward_commits_new_owners_and_members_that_left_are_counted():
    made = states(
        (sample(0, {P: 5}, members="a b"), WAITS),
        (sample(1, {P: 3}, owner="", members=""), WAITS),
        (sample(2, {P: 4}, owner="b", members="b"), WAITS),
    )
    last = made[-1]
    assert (dict(last.backward), last.left, last.moved, last.members) == ({P: 1}, 2, 1, 1)


def judged(*rows: tuple[float, Waiting], budget: float = 5.0, **commits: Any) -> tuple[str, str]:
    budgets = Budgets({"t": budget})
    offsets = commits.get("committed", [7] * len(rows))
    for state in states(
        *((sample(at, {P: c}), waiting) for (at, waiting), c in zip(rows, offsets, strict=True))
    ):
        budgets.take(state)
    (judgement,) = budgets.judged()
    return judgement.status, judgement.sentence


def test_a_wait_beyond_the_budget_fails_at_the_look_that_saw_it():
    status, sentence = judged(
        (0, WAITS), (1, Waiting("age", 6.5, 6.5)), (2, WAITS), (3, WAITS), committed=[1, 2, 3, 4]
    )
    assert status == "fail"
    assert sentence == "the oldest message of t/0 had been waiting for 6.5 s at second 1.0, allowed 5 s"
    assert judged((0, WAITS))[0] == "pass"


def test_without_two_commits_the_slowest_clients_interval_is_allowed():
    status, sentence = judged((0, WAITS), (1, Waiting("age", 64.0, 64.0)))
    assert status == "inconclusive"
    assert sentence.endswith("; no two commits were seen there, and some clients commit every 60 s")
    assert judged((0, WAITS), (1, Waiting("age", 66.0, 66.0)))[0] == "fail"


def test_what_the_commit_interval_can_explain_is_inconclusive():
    """A group that commits every 5 s seems to let its messages wait for 5 s."""
    status, sentence = judged(
        (0, WAITS), (5, Waiting("age", 5.5, 5.5)), (10, Waiting("age", 5.5, 5.5)), committed=[1, 2, 3]
    )
    assert status == "inconclusive"
    assert sentence.endswith(
        "; the group's commits came up to 5.0 s apart, by which a wait may be overstated"
    )


def test_what_may_have_waited_or_was_not_answered_is_inconclusive():
    status, sentence = judged((0, Waiting("uncommitted", 1.0, 90.0, note="never committed")))
    assert status == "inconclusive"
    assert "for 1.0 to 90.0 s at second 0.0, allowed 5 s (never committed)" in sentence
    assert judged((0, Waiting("unknown")))[0] == "inconclusive"
    assert Budgets({"other": 1.0}).judged()[0].sentence == "topic other was not seen"


def test_the_metrics_are_those_of_the_last_sample():
    metrics, registry = Metrics('g"1'), CollectorRegistry()
    registry.register(metrics)
    assert b'fairpoll_samples_total{group="g\\"1"} 0.0' in generate_latest(registry)
    first, last = states((sample(0, {P: 5, Q: 5}), WAITS), (sample(4, {P: 5}), WAITS))
    metrics.show(first)
    metrics.show(last)
    lines = generate_latest(registry).decode().splitlines()
    labels = '{group="g\\"1",partition="0",topic="t"}'
    assert f"fairpoll_oldest_message_age_seconds{labels} 3.0" in lines
    assert f"fairpoll_without_commit_seconds{labels} 4.0" in lines
    assert 'fairpoll_answer{answer="age",group="g\\"1",partition="0",topic="t"} 1.0' in lines
    assert 'fairpoll_answer{answer="none",group="g\\"1",partition="0",topic="t"} 0.0' in lines
    assert 'fairpoll_samples_total{group="g\\"1"} 2.0' in lines
    assert not [line for line in lines if 'topic="q"' in line]


def test_metrics_at_a_port_that_is_taken_are_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = f"metrics cannot be served at 127.0.0.1:{port}: Address already in use"
        with pytest.raises(FairpollError, match=message), served("g", port, "127.0.0.1"):
            pass


class TestTheCommand:
    def run(self, monkeypatch: pytest.MonkeyPatch, *arguments: str, waiting: Waiting = WAITS):
        made = states((sample(0, {P: 5}, owner="[red]x on h"), waiting))
        monkeypatch.setattr(command, "samples", lambda *_: iter(made))
        base = ["watch", "--bootstrap-servers", "b:9092", "--group", "g"]
        return CliRunner().invoke(main, [*base, *arguments])

    def test_without_a_terminal_a_line_now_and_then_and_the_verdict(self, monkeypatch: pytest.MonkeyPatch):
        waiting = Waiting("age", 70.0, 70.0, 10)
        done = self.run(monkeypatch, "--topic", "t=1 s", waiting=waiting)
        assert done.exit_code == 1
        assert done.output.splitlines() == [
            "second 0: stable, 1 members; longest: t/0, 70.0 s, age, 10",
            "FAIL: the oldest message of t/0 had been waiting for 70.0 s at second 0.0, allowed 1 s",
        ]

    def test_without_a_budget_there_is_nothing_to_fail(self, monkeypatch: pytest.MonkeyPatch):
        assert self.run(monkeypatch).exit_code == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--topic", "t=soon"), "'soon' is not a duration; write for example 500 ms, 3 s or 2 minutes"),
            (("--topic", "t!"), "'t!' is not the name of a topic"),
            (("--for", "-1s"), "'-1s' is not a duration"),
            (("--interval", "0"), "0 is not in the range x>0"),
        ],
    )
    def test_a_wrong_option_has_one_message(
        self, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
    ):
        done = self.run(monkeypatch, *arguments)
        assert done.exit_code == 3
        assert message in done.output

    def test_the_table_has_the_worst_first_and_escapes_names(self, monkeypatch: pytest.MonkeyPatch):
        made = states((sample(0, {P: 5, Q: 5}, owner="[red]x on h"), WAITS))[0]
        table = command._table(made)
        assert table.row_count == 2
        assert "[red]x on h" in [str(cell) for cell in table.columns[6].cells]
