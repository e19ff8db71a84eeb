"""Clocks that differ: all consumers' times show an error of the harness, one consumer's its own fault."""

from dataclasses import replace

import numpy as np

from fairpoll.checkers import judge
from fairpoll.checkers.finding import Finding
from fairpoll.evidence.history import Committed, ConsumerHistory, Recording
from fairpoll.evidence.stamps import Stamps
from histories import acked, consumer, delivered, event, recording

MESSAGES = acked("high", *range(10))
SHARED = "every consumer, the control included, has commits before the deliveries that they cover (sync "


def commits_after(name: str, seconds: float, *lost: int) -> ConsumerHistory:
    """It delivers each message half a second after it was due, and commits this much later."""
    records = [delivered("high", n, n + 0.5) for n in range(10) if n not in lost]
    commits = [Committed(n + 0.5 + seconds, "high", 0, n + 1) for n in range(10)]
    return replace(consumer(name, *records), commits=commits, final_offsets={("high", 0): 10})


def ahead(*consumers: ConsumerHistory, of: str = "async") -> Finding:
    return judge("commits_never_ahead", recording(MESSAGES, *consumers), of)


def test_early_commits_of_every_consumer_accuse_nobody():
    run = (commits_after("sync", -0.1), commits_after("async", -0.12))
    for name in ("sync", "async"):
        finding = ahead(*run, of=name)
        assert finding.status == "inconclusive"
        assert finding.sentence.startswith(f"{SHARED}by up to 0.100 s), so that the clocks of the broker and")


def test_early_commits_of_one_consumer_are_its_own():
    early = commits_after("async", -0.1)
    assert ahead(early).status == "fail"
    assert ahead(commits_after("sync", 0.01), early).status == "fail"
    # The control's clock may be wrong, but another consumer shows that the broker's is not.
    assert ahead(commits_after("sync", -0.1), commits_after("other", 0.01), early).status == "fail"


def test_an_error_of_the_clocks_excuses_no_more_than_its_size():
    assert ahead(commits_after("sync", -0.1), commits_after("async", -0.4)).status == "fail"


def test_a_commit_beyond_a_lost_message_is_no_matter_of_clocks():
    finding = ahead(commits_after("sync", -0.1), commits_after("async", -0.1, 4))
    assert finding.status == "fail"


def test_a_commit_that_went_back_at_an_assignment_is_weighed_with_the_same_clocks():
    """The broker's clock is 0.1 s behind, so that the lower commit seems to precede the new assignment."""
    again = event("partitions_assigned", 4.6, ("high", 0))
    lower = commits_after("async", -0.1)
    lower = replace(lower, events=[again], commits=[*lower.commits[:5], Committed(4.51, "high", 0, 3)])
    finding = judge("commits_never_back", recording(MESSAGES, commits_after("sync", -0.1), lower), "async")
    assert (finding.status, SHARED in finding.sentence) == ("inconclusive", True)
    alone = judge("commits_never_back", recording(MESSAGES, commits_after("sync", 0.01), lower), "async")
    assert alone.status == "fail"


def off_by(**seconds: float) -> Recording:
    """Each consumer states times that are this much later than its lines appeared."""
    run = []
    for name, off in seconds.items():
        stamps = Stamps(observed=10, late=10 if off else 0, worst_ms=off * 1000)
        seen = np.arange(10) * 1000.0
        stamps.keep(seen + off * 1000, seen, seen, np.full(10, -1))
        run.append(replace(consumer(name), stamps=stamps))
    return recording(MESSAGES, *run)


def test_times_that_contradict_the_observation_in_every_consumer_accuse_nobody():
    finding = judge("clock_honest", off_by(sync=0.6, async_=0.7), "async_")
    assert finding.status == "inconclusive"
    assert finding.sentence.startswith(
        "the times of every consumer, the control included, contradict the observation (sync by up to 0.6 s)"
    )
    for alone in ({"sync": 0.0}, {"sync": 0.6, "other": 0.0}, {"sync": 0.6, "async_": 3600.0}, {}):
        assert judge("clock_honest", off_by(**{"async_": 0.7, **alone}), "async_").status == "fail"
