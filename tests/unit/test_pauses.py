"""A pause of the host accuses no consumer, and a consumer that stalls beside one still fails."""

import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from fairpoll.base.waiting import wait_until
from fairpoll.checkers import CRITERIA, Finding
from fairpoll.checkers.doubts import void_doubts
from fairpoll.evidence.history import Departure, ObservedGroup
from fairpoll.evidence.retimed import hindered_spans
from histories import SCENARIO, acked, consumer, delivered, event, recording

LOW = ("low", 0)
# One message a second; the host is paused from second 20 to 30.
SENT = acked("low", *range(60))
PLAN = replace(
    SCENARIO,
    topics=tuple(
        replace(t, backlog=59) if t.volume == "low" else replace(t, backlog=0) for t in SCENARIO.topics
    ),
)


def pause(since: float, until: float, **more: object) -> dict[str, object]:
    return {"from_ms": since * 1000, "until_ms": until * 1000, **more}


def served(*, silent: tuple[float, float] = (20, 30), also: dict[int, float] | None = None, events=()):
    """Delivers each message half a second after it is due, but nothing in this time."""
    since, until = silent
    at = {n: n + 0.5 if not since <= n + 0.5 < until else until + n / 1000 for n in range(60)} | (also or {})
    records = [delivered("low", n, moment) for n, moment in at.items()]
    return consumer("async", delivered("high", 0, 0.1), *records, events=events)


def paused(*consumers, pauses=((20, 30),), messages=SENT, speed: float = 1.0, **facts: object):
    host = {"longest_pause_seconds": 10.0, "pauses": [pause(*span) for span in pauses]}
    known = {"start_ms": 0.0, "stopped_ms": 60_000.0, "host": host, "waits_since": "ack", **facts}
    return recording([*messages, *acked("high", 0)], *consumers, facts=known, scenario=PLAN, speed=speed)


def judge(check: str, run, name: str = "async", **thresholds) -> Finding:
    return CRITERIA[check](run, name, **thresholds)


TIMED = {
    "no_stall": {"seconds": 5},
    "every_partition_served": {"seconds": 5},
    "oldest_wait_at_most": {"volume": "low", "seconds": 5},
    "latency_at_most": {"volume": "low", "percentile": 99, "seconds": 5},
}


@pytest.mark.parametrize("check", TIMED)
def test_a_silence_while_the_host_paused_accuses_nobody(check: str):
    finding = judge(check, paused(served()), **TIMED[check])
    assert finding.status == "inconclusive"
    assert finding.sentence.startswith(
        "the host paused for 10.0 s at second 20.0, without which the limit is kept (async "
    )
    unseen = judge(check, paused(served(), pauses=()), **TIMED[check])
    assert unseen.status == "fail"


@pytest.mark.parametrize("check", TIMED)
@pytest.mark.parametrize("silent", [(5, 30), (20, 46)])
def test_a_consumer_that_stalls_beside_a_pause_fails(check: str, silent: tuple[float, float]):
    # As long again as the pause, from 30 to 40, is left for catching up.
    assert judge(check, paused(served(silent=silent)), **TIMED[check]).status == "fail"


@pytest.mark.parametrize("check", TIMED)
def test_a_pass_stays_a_pass(check: str):
    run, undisturbed = (paused(served(silent=(0, 0)), pauses=p) for p in (((20, 30),), ()))
    assert judge(check, run, **TIMED[check]) == judge(check, undisturbed, **TIMED[check])
    assert judge(check, run, **TIMED[check]).status == "pass"


def test_two_seconds_at_speed_10_are_twenty_of_the_scenario():
    host = {"longest_pause_seconds": 2.0, "pauses": [{"from_ms": 2000, "until_ms": 4000}]}
    run = paused(served(silent=(20, 50.1)), speed=10.0, host=host, stopped_ms=6_000.0)
    finding = judge("no_stall", run, seconds=10)
    assert finding.status == "inconclusive"
    assert "the host paused for 2.0 s at second 20.0" in finding.sentence
    assert "delivered nothing for 30.1 s" in finding.sentence


@pytest.mark.parametrize(
    ("span", "until"), [((2, 32), 42), ((2, 7), 12), ((2, 4), 7), ((2, 3), 6), ((2, 2.75), 3.5)]
)
def test_the_time_to_catch_up(span: tuple[float, float], until: float):
    assert hindered_spans(paused(served(), pauses=(span,)), "async") == [(2, until)]


def test_pauses_that_touch_are_one():
    assert hindered_spans(paused(served(), pauses=((20, 22), (23, 26), (40, 41))), "async") == [
        (20, 29),
        (40, 44),
    ]


def test_an_eviction_by_a_pause_lasts_until_the_next_assignment():
    lost = {**event("partitions_revoked", 31, LOW), "lost": True}
    events = [event("partitions_assigned", -1, LOW), lost, event("partitions_assigned", 44, LOW)]
    run = paused(served(silent=(20, 45), events=events))
    assert hindered_spans(run, "async") == [(20, 44)]
    assert judge("every_partition_served", run, seconds=5).status == "inconclusive"
    assert judge("membership_kept", run).status == "inconclusive"
    left = [Departure(31.0, "m")]
    gone = replace(served(silent=(20, 45), events=[events[0], events[2]]), group=ObservedGroup(True, left))
    assert hindered_spans(paused(gone), "async") == [(20, 44)]
    assert judge("membership_kept", paused(gone)).status == "inconclusive"
    late = [events[0], {**lost, "at": 41}, events[2]]
    assert judge("membership_kept", paused(served(events=late))).status == "fail"


def test_what_a_pause_takes_of_the_traffic_need_not_be_delivered():
    # 20 of 60 seconds are lost: two thirds are asked for.
    some = consumer("async", *(delivered("low", n, n + 0.5) for n in range(40)))
    assert judge("delivered_at_least", paused(some), volume="low", records=60).status == "inconclusive"
    assert judge("delivered_at_least", paused(some), volume="low", records=62).status == "fail"
    assert judge("delivered_at_most", paused(some), volume="low", records=30).status == "fail"


def test_a_pause_does_not_make_a_control_starve():
    starve = replace(PLAN, control_wait_seconds=9.0)
    run = replace(paused(replace(served(), name="sync")), scenario=starve)
    assert any("the control did not starve" in doubt for doubt in void_doubts(run))
    longer = replace(paused(replace(served(silent=(20, 55)), name="sync")), scenario=starve)
    assert not any("the control did not starve" in doubt for doubt in void_doubts(longer))


def test_a_process_that_was_frozen_while_it_stopped_is_not_late():
    process = {"consumer": "async", "member": 1, "pid": 1, "started_ms": -1000.0, "exit_code": 0}
    ended = {**process, "terminated_ms": 61_000.0, "ended_ms": 75_000.0}
    frozen = paused(served(), pauses=((62, 74),), processes=[ended])
    finding = judge("stops_when_asked", frozen, seconds=10)
    assert finding.status == "inconclusive"
    assert finding.sentence.startswith("the host paused for 12.0 s at second 62.0")
    assert judge("stops_when_asked", paused(served(), processes=[ended]), seconds=10).status == "fail"


def test_recovery_and_a_step_of_the_timeline_leave_the_pause_out():
    silent = served(silent=(21, 33))
    fault = {"target": "broker", "what": "killed broker 1", "from_ms": 21_200.0, "until_ms": 21_200.0}
    step = {"at_ms": 21_200.0, "verb": "join", "rate": None}
    for facts, check in (({"faults": [fault]}, "recovers_within"), ({"timeline": [step]}, "delivers_again")):
        assert judge(check, paused(silent, **facts), seconds=5).status == "inconclusive"
        assert judge(check, paused(silent, pauses=(), **facts), seconds=5).status == "fail"
        assert judge(check, paused(served(silent=(21, 47)), **facts), seconds=5).status == "fail"


def test_a_pause_of_another_consumers_machine_excuses_nothing():
    host = {"longest_pause_seconds": 10.0, "pauses": [pause(20, 30, part="sync")]}
    assert judge("no_stall", paused(served(), host=host), seconds=5).status == "fail"


def throttled(at: float, seconds: float) -> dict[str, object]:
    return {"name": "throttled", "at": at, "seconds": seconds, "broker": 1}


@pytest.mark.parametrize("check", TIMED)
def test_a_silence_under_a_client_quota_accuses_nobody(check: str):
    quota = [throttled(20.0, 7.0), throttled(26.0, 4.0)]
    finding = judge(check, paused(served(events=quota), pauses=()), **TIMED[check])
    assert finding.status == "inconclusive"
    assert finding.sentence.startswith(
        "a client quota throttled async for 10.0 s at second 20.0, without which the limit is kept (async "
    )
    longer = paused(served(silent=(20, 47), events=quota), pauses=())
    assert judge(check, longer, **TIMED[check]).status == "fail"
    over = [throttled(20.0, 0.0)]  # how a client reports that it is throttled no longer
    assert judge(check, paused(served(events=over), pauses=()), **TIMED[check]).status == "fail"


def test_a_quota_does_not_make_a_control_starve():
    starve = replace(PLAN, control_wait_seconds=9.0)
    quota = replace(served(events=[throttled(20.0, 10.0)]), name="sync")
    assert any(
        "the control did not starve" in doubt
        for doubt in void_doubts(replace(paused(quota, pauses=()), scenario=starve))
    )


FROZEN = """
import sys, time
from fairpoll.run.host import HostMonitor
with HostMonitor() as host:
    began, awake = time.monotonic(), host.awake_seconds()
    print("ready", flush=True)
    sys.stdin.readline()
    figures = host.figures()
    (pause,) = figures["pauses"]
    print(pause["until_ms"] - pause["from_ms"], time.monotonic() - began - (host.awake_seconds() - awake))
"""


def test_a_process_that_is_stopped_sees_a_pause():
    with subprocess.Popen(
        [sys.executable, "-c", FROZEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin and child.stdout
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: time.monotonic() - stopped > 1, 5, "a second to pass")
        child.send_signal(signal.SIGCONT)
        out, _ = child.communicate("\n", timeout=20)
    length_ms, left_out = map(float, out.split())
    assert length_ms >= 800
    assert left_out == pytest.approx(length_ms / 1000, abs=0.05)
