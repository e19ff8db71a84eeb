"""Order, invention and stalls; on tiny recordings, good and bad."""

from fairpoll.checkers import CRITERIA
from histories import acked, consumer, delivered, event, recording

THREE = acked("high", 0, 1, 2)


def judge(check: str, *records, events=(), messages=THREE, **rest):
    thresholds = {"seconds": rest.pop("seconds")} if "seconds" in rest else {}
    run = recording(messages, consumer("async", *records, events=events), **rest)
    return CRITERIA[check](run, "async", **thresholds)


def test_records_in_order_pass():
    assert judge("order_kept", *(delivered("high", n, n + 0.5) for n in range(3))).status == "pass"


def test_a_record_before_its_predecessor_fails_and_is_named():
    finding = judge("order_kept", delivered("high", 1, 1), delivered("high", 0, 2))
    assert finding.status == "fail"
    assert "high/0@0" in finding.sentence


def test_partitions_have_no_order_among_one_another():
    assert (
        judge("order_kept", delivered("high", 5, 1, partition=0), delivered("high", 0, 2, partition=1)).status
        == "pass"
    )


def test_going_back_after_a_new_assignment_is_at_least_once():
    """A verifier elsewhere called this out of order: redpanda-data/redpanda#21299."""
    again = [event("partitions_assigned", 1.5, ("high", 0))]
    records = [delivered("high", 0, 0.5), delivered("high", 1, 1), delivered("high", 0, 2)]
    assert judge("order_kept", *records, events=again).status == "pass"
    assert judge("order_kept", *records).status == "fail"


def test_the_new_assignment_of_another_partition_excuses_nothing():
    other = [event("partitions_assigned", 1.5, ("high", 1))]
    records = [delivered("high", 1, 1), delivered("high", 0, 2)]
    assert judge("order_kept", *records, events=other).status == "fail"


def test_a_record_nobody_sent_is_found():
    finding = judge("only_acked_delivered", delivered("high", 7, 1))
    assert (finding.status, finding.figures["count"]) == ("fail", 1)


def test_a_send_whose_answer_was_lost_may_arrive():
    record = delivered("high", 7, 1, message_id="r:high:7")
    assert judge("only_acked_delivered", record, failed_ids=frozenset({"r:high:7"})).status == "pass"


def test_many_examples_are_cut():
    finding = judge("only_acked_delivered", *(delivered("high", n, 1) for n in range(100, 150)))
    assert "and 30 more" in finding.sentence


def test_silence_with_messages_waiting_is_a_stall():
    finding = judge("no_stall", delivered("high", 0, 1), delivered("high", 1, 2), seconds=10)
    assert finding.status == "fail"
    assert "for 58.0 s from second 2.0 on while 1 messages waited in high/0" in finding.sentence


def test_silence_without_messages_is_rest():
    assert judge("no_stall", *(delivered("high", n, n + 0.5) for n in range(3)), seconds=10).status == "pass"


def test_a_stall_names_paused_partitions():
    paused = [event("partitions_paused", 2.0, ("high", 0))]
    finding = judge("no_stall", delivered("high", 0, 1), events=paused, seconds=10)
    assert "high/0 (paused)" in finding.sentence


def test_a_pause_that_ended_is_not_named():
    ended = [event("partitions_paused", 2.0, ("high", 0)), event("partitions_resumed", 3.0, ("high", 0))]
    finding = judge("no_stall", delivered("high", 0, 1), events=ended, seconds=10)
    assert "(paused)" not in finding.sentence


def test_a_long_silence_that_ended_is_a_stall_all_the_same():
    late = [delivered("high", n, 40 + n) for n in range(3)]
    assert judge("no_stall", *late, seconds=10).status == "fail"


def test_a_consumer_that_never_delivers_stalls():
    assert judge("no_stall", seconds=10).status == "fail"
