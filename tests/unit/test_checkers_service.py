"""Serving: counts, shares, waiting, throughput; on tiny recordings, good and bad."""

from dataclasses import replace

import pytest

from fairpoll.checkers import CRITERIA
from fairpoll.checkers.budgets import seconds_text
from fairpoll.checkers.doubts import load_doubts
from histories import SCENARIO, acked, consumer, delivered, recording

ON_TIME = acked("low", 0, 3, 6)
# The scenario's plan has one message a topic; these make a plan that fits what was sent.
PLAN = replace(
    SCENARIO,
    topics=tuple(replace(t, backlog=len(ON_TIME) - 1) if t.volume == "low" else t for t in SCENARIO.topics),
)
BOTH = [*ON_TIME, *acked("high", 0)]


def judge(check: str, run, name: str = "async", **thresholds):
    return CRITERIA[check](run, name, **thresholds)


def served(*moments: float):
    return consumer("async", *(delivered("low", n, at) for n, at in enumerate(moments)))


def test_a_message_that_never_arrives_goes_on_waiting():
    finding = judge(
        "oldest_wait_at_most", recording(BOTH, served(1, 4), scenario=PLAN), volume="low", seconds=5
    )
    assert finding.status == "fail"
    assert finding.figures["oldest_wait_seconds"] == 54
    assert "low/0@2 (still waiting at the end) wait 54.0 s, expected at most 5 s" in finding.sentence


def test_a_topic_of_which_nothing_was_delivered_is_starved_not_absent():
    run = recording(BOTH, consumer("async"), scenario=PLAN)
    assert judge("oldest_wait_at_most", run, volume="low", seconds=5).status == "fail"
    assert judge("delivered_at_least", run, volume="low", records=1).status == "fail"


def test_waiting_counts_from_the_intended_time_to_the_sink():
    run = recording(BOTH, served(1, 4, 10), scenario=PLAN)
    assert judge("oldest_wait_at_most", run, volume="low", seconds=4).status == "pass"
    assert judge("oldest_wait_at_most", run, volume="low", seconds=3.9).status == "fail"


AT_MOST = {
    "oldest_wait_at_most": {"volume": "low"},
    "latency_at_most": {"volume": "low", "percentile": 99},
    "every_partition_served": {},
    "no_stall": {},
}


@pytest.mark.parametrize("check", AT_MOST)
@pytest.mark.parametrize(
    ("speed", "seconds", "status"),
    [(10, 4, "pass"), (10, 14, "inconclusive"), (10, 15, "fail"), (1, 4, "pass"), (1, 14, "fail")],
)
def test_a_time_that_speed_may_have_stretched_beyond_the_budget_is_inconclusive(
    check: str, speed: float, seconds: float, status: str
):
    messages = [*acked("low", 1, 2), *acked("high", 1)]
    late = consumer(
        "async", *(delivered("low", n, 1 + seconds) for n in (0, 1)), delivered("high", 0, 1 + seconds)
    )
    plan = replace(
        SCENARIO, topics=tuple(replace(t, backlog=int(t.volume == "low")) for t in SCENARIO.topics)
    )
    run = recording(messages, late, scenario=plan, speed=speed)
    finding = judge(check, run, seconds=5, **AT_MOST[check])
    assert (finding.status, "at most 5 s" in finding.expected) == (status, True)
    assert finding.sentence.count("at most") == 1
    if status == "inconclusive":
        too_coarse = "too coarse at SPEED 10, which does not divide up to 9 s: run at SPEED 1 (async "
        assert finding.sentence.startswith(too_coarse)


def test_a_repeated_record_counts_once():
    run = recording(BOTH, consumer("async", delivered("low", 0, 1), delivered("low", 0, 2)), scenario=PLAN)
    assert judge("delivered_at_least", run, volume="low", records=2).status == "fail"


def test_what_comes_after_the_window_does_not_count():
    run = recording(BOTH, served(1, 4, 61), scenario=PLAN)
    assert judge("delivered_at_most", run, volume="low", records=2).status == "pass"
    assert judge("due_messages_delivered", run, volume="low", seconds=5).status == "fail"


def test_a_message_that_is_not_due_yet_need_not_be_there():
    messages = [*acked("low", 0, 3, 57), *acked("high", 0)]
    run = recording(messages, served(1, 4), scenario=PLAN)
    assert judge("due_messages_delivered", run, volume="low", seconds=5).status == "pass"


def test_share_is_of_all_deliveries():
    run = recording(BOTH, consumer("async", delivered("low", 0, 1), delivered("high", 0, 1)), scenario=PLAN)
    assert judge("share_at_least", run, volume="low", share=0.5).status == "pass"
    assert judge("share_at_least", run, volume="low", share=0.51).status == "fail"


def test_share_of_nothing_fails_instead_of_dividing_by_zero():
    assert (
        judge(
            "share_at_least", recording(BOTH, consumer("async"), scenario=PLAN), volume="low", share=0.01
        ).status
        == "fail"
    )


@pytest.mark.parametrize(("mine", "status"), [(1, "fail"), (2, "pass")])
def test_fairness_by_collapse_fails(mine: int, status: str):
    fast = consumer("sync", delivered("low", 0, 1), delivered("high", 0, 1))
    slow = consumer("async", *[delivered("low", n, 1) for n in range(mine)])
    run = recording(BOTH, fast, slow, scenario=PLAN)
    assert judge("throughput_at_least", run, of="sync", share=0.95).status == status


def test_against_a_consumer_that_did_nothing_nobody_has_throughput():
    run = recording(BOTH, consumer("sync"), served(1), scenario=PLAN)
    assert judge("throughput_at_least", run, of="sync", share=0.95).status == "fail"


class TestDoubts:
    """What keeps a recording from proving something makes service criteria inconclusive, passed or not."""

    def test_a_sound_recording_has_none(self):
        assert load_doubts(recording(BOTH, served(1, 4, 7), scenario=PLAN)) == []

    def test_messages_missing_from_the_plan(self):
        assert load_doubts(recording(BOTH[1:], scenario=PLAN)) == [
            "the producer got 3 of 4 planned messages acked"
        ]

    def test_messages_sent_late(self):
        late = [replace(m, sent=m.intended + 0.8) for m in BOTH]
        assert load_doubts(recording(late, scenario=PLAN)) == [
            "the producer was 800 ms late (p99, allowed 500 ms)"
        ]

    def test_lateness_is_real_time(self):
        late = [replace(m, sent=m.intended + 0.8) for m in BOTH]
        assert load_doubts(recording(late, scenario=PLAN, speed=10.0)) == []

    def test_a_control_that_did_not_starve(self):
        control = consumer("sync", *(delivered("low", n, at) for n, at in enumerate((1, 4, 7))))
        scenario = replace(PLAN, control_wait_seconds=30.0)
        run = recording(BOTH, control, served(1, 4, 7), scenario=scenario)
        finding = judge("oldest_wait_at_most", run, volume="low", seconds=5)
        assert finding.status == "inconclusive"
        assert finding.sentence.startswith(
            "the control did not starve: in sync no low-volume message waited longer than 1.0 s, needed 30 s"
        )

    def test_a_machine_that_stood_still(self):
        assert load_doubts(recording(BOTH, scenario=PLAN, longest_pause_seconds=2.5)) == [
            "the host paused for 2.5 s (allowed 1 s)"
        ]

    def test_a_broker_that_was_slow_to_ack(self):
        for took, text in ((1.5, "1.5"), (1.02, "1.02")):
            slow = [replace(m, acked=m.sent + took) for m in BOTH]
            assert load_doubts(recording(slow, scenario=PLAN)) == [
                f"the broker took {text} s to ack a message (allowed 1 s)"
            ]
        assert load_doubts(recording(slow, scenario=PLAN, speed=10.0)) == []

    def test_adversity_excuses_a_failure_and_takes_nothing_from_a_pass(self):
        run = recording(BOTH, served(1, 4, 7), scenario=PLAN, longest_pause_seconds=2.5)
        assert judge("oldest_wait_at_most", run, volume="low", seconds=5).status == "pass"
        assert judge("oldest_wait_at_most", run, volume="low", seconds=0.5).status == "inconclusive"

    def test_a_broker_that_dropped_messages(self):
        assert load_doubts(recording(BOTH, scenario=PLAN, log_start={("low", 0): 2})) == [
            "the broker dropped 2 acked messages during the run"
        ]

    def test_a_run_that_was_cut_off(self):
        assert load_doubts(recording(BOTH, scenario=PLAN, complete=False)) == [
            "the run was cut off at second 60.0"
        ]


class TestSolo:
    def judge(self, wait: float, solo: float):
        run = recording(BOTH, served(wait, 4, 7), scenario=PLAN)
        return judge("oldest_wait_at_most_times_solo", run, volume="low", times=2, solo_seconds=solo)

    def test_within_so_many_times_the_solo_run(self):
        assert self.judge(9.9, solo=5).status == "pass"
        finding = self.judge(10.1, solo=5)
        assert finding.status == "fail"
        assert "expected at most 10 s (2 times its solo run of 5.00 s" in finding.sentence

    def test_a_solo_run_of_milliseconds_does_not_make_noise_decide(self):
        assert self.judge(1.0, solo=0.003).status == "pass"
        assert self.judge(1.1, solo=0.003).status == "fail"


def test_service_is_judged_while_both_are_live():
    messages = [*acked("low", 0, 10, 20, 30), *acked("high", 10, 29)]
    plan = replace(
        SCENARIO, topics=tuple(replace(t, backlog=3 if t.volume == "low" else 1) for t in SCENARIO.topics)
    )
    late = consumer("async", delivered("low", 0, 1), delivered("low", 1, 11), delivered("low", 2, 40))
    run = recording(messages, late, scenario=plan)
    finding = judge("service_at_least", run, volume="low", share=0.5)
    assert (finding.status, finding.measured) == ("pass", "50% (1 of 2)")
    assert judge("service_at_least", run, volume="low", share=0.51).status == "fail"


def test_latency_counts_what_never_came():
    run = recording(BOTH, served(1, 4), scenario=PLAN)
    assert judge("latency_at_most", run, volume="low", percentile=50, seconds=1).status == "pass"
    assert judge("latency_at_most", run, volume="low", percentile=99, seconds=53).status == "fail"


@pytest.mark.parametrize(
    ("seconds", "bound", "text"),
    [
        (0.088, 0.05, "0.09 s"),
        (0.12, 0.1, "0.12 s"),
        (0.6, 5, "0.6 s"),
        (0.1, 0.1, "0.1 s"),
        (5.0004, 5, "5.000 s"),
    ],
)
def test_a_time_is_told_apart_from_its_bound(seconds: float, bound: float, text: str):
    assert seconds_text(seconds, bound) == text


def test_silence_counts_from_the_ack_for_nobody_can_deliver_what_the_broker_has_not_taken():
    slow = [replace(message, acked=message.intended + 20) for message in acked("low", 0)]
    finding = judge(
        "every_partition_served",
        recording(slow, consumer("async", delivered("low", 0, 21))),
        "async",
        seconds=5,
    )
    assert (finding.status, finding.measured) == ("pass", "1.0 s")
    on_time = recording(acked("low", 0), consumer("async", delivered("low", 0, 21)))
    assert judge("every_partition_served", on_time, "async", seconds=5).status == "fail"
