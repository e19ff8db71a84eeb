"""A loss is named before what follows from it, and by its cause where the records show it."""

from dataclasses import replace

from fairpoll.checkers import judge
from fairpoll.evidence.history import Committed, ConsumerHistory, Recording
from fairpoll.verdicts.verdict_json import unmet
from histories import acked, consumer, delivered, event, recording

HIGH, OTHER = ("high", 0), ("high", 1)
FOLLOWS = "; this follows from the loss of 1 message, see nothing lost"
BACKLOG = [*acked("high", *range(-9, 3)), *acked("high", *range(-6, 3), partition=1)]


def run(*offsets: int, commits: tuple[Committed, ...]) -> Recording:
    history = consumer("async", *(delivered("high", n, n + 0.5) for n in offsets))
    return recording(acked("high", 0, 1, 2, 3), replace(history, commits=commits, final_offsets={HIGH: 4}))


def test_a_commit_past_a_lost_message_follows_from_the_loss():
    lost = run(0, 2, 3, commits=(Committed(9.0, *HIGH, 4),))
    finding = judge("commits_never_ahead", lost, "async")
    assert (finding.status, finding.sentence) == (
        "fail",
        f"async committed 1 offset before its sink had the records, expected 0: high/0@4{FOLLOWS}",
    )
    found = [judge(name, lost, "async") for name in ("commits_never_ahead", "order_kept", "nothing_lost")]
    assert [one.check for one in unmet(found)] == ["nothing_lost", "commits_never_ahead"]


def test_a_lost_last_message_makes_the_stall():
    lost = run(0, 1, 2, commits=(Committed(4.0, *HIGH, 4),))
    finding = judge("no_stall", lost, "async", seconds=5.0)
    assert finding.status == "fail"
    assert finding.sentence.endswith(FOLLOWS)


def test_too_few_deliveries_follow_from_the_loss_and_an_altered_record_does_not():
    """Any criterion: no list of them to forget one in."""
    lost = run(0, 2, 3, commits=(Committed(9.0, *HIGH, 4),))
    few = judge("delivered_at_least", lost, "async", volume="high", records=4)
    assert (
        few.sentence == f"async delivered 3 of 4 acked messages of high (75.0%), expected at least 4{FOLLOWS}"
    )
    delivered_again = [*lost.consumers["async"].delivered, delivered("high", 3, 9.0, checksum=2)]
    altered = recording(acked("high", 0, 1, 2, 3), consumer("async", *delivered_again))
    for name in ("content_intact", "no_forbidden_duplicates"):
        finding = judge(name, altered, "async")
        assert (finding.status, "follows" in finding.sentence) == ("fail", False)


def test_a_stall_that_left_messages_unread_has_its_own_cause():
    history = consumer("async", *(delivered("high", n, n + 0.5) for n in (0, 1)))
    stalled = recording(acked("high", 0, 1, 2, 3), replace(history, final_offsets={HIGH: 2}))
    finding = judge("no_stall", stalled, "async", seconds=5.0)
    assert (finding.status, "follows" in finding.sentence) == ("fail", False)


def test_an_early_commit_beside_a_loss_has_its_own_cause():
    early = run(0, 2, 3, commits=(Committed(0.2, *HIGH, 1), Committed(9.0, *HIGH, 4)))
    finding = judge("commits_never_ahead", early, "async")
    assert (finding.status, "follows" in finding.sentence) == ("fail", False)


def test_failures_stand_before_what_is_inconclusive():
    lost = run(0, 2, 3, commits=(Committed(9.0, *HIGH, 4),))
    unknown = replace(lost.consumers["async"], evidence=frozenset({"records", "commits"}))
    doubted = replace(lost, consumers={"async": unknown})
    found = [judge(name, doubted, "async") for name in ("content_intact", "order_kept", "nothing_lost")]
    assert [one.status for one in unmet(found)] == ["fail", "inconclusive"]


def reset(*lost: tuple[int, int], assigned: float = -0.5) -> str:
    """The sentence for a consumer that was assigned both partitions then and lost these."""
    records = [
        delivered("high", m.offset, m.intended + 20, m.partition)
        for m in BACKLOG
        if (m.partition, m.offset) not in lost
    ]
    history: ConsumerHistory = consumer(
        "async", *records, events=[event("partitions_assigned", assigned, HIGH, OTHER)]
    )
    return judge("nothing_lost", recording(BACKLOG, history), "async").sentence


def test_a_consumer_that_began_at_the_end_of_the_log_is_named():
    began = "async began at the end of the log (auto.offset.reset is not earliest): it lost 15 of 21 acked "
    before = [(m.partition, m.offset) for m in BACKLOG if m.intended < 0]
    assert reset(*before).startswith(began)
    # One more from the middle is another fault, and so is a first message while the backlog is read.
    assert reset(*before, (0, 10)).startswith("async lost 16 ")
    assert reset((0, 0), (1, 0)).startswith("async lost 2 ")
    # Lost long after the assignment.
    assert reset(*before, assigned=-8.0).startswith("async lost 15 ")
