"""Criteria of the run itself: was the experiment the planned one? Without that, no other criterion counts."""

from fairpoll.checkers.doubts import conditions, load_doubts, plan_missed
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import criterion
from fairpoll.evidence.history import Recording


@criterion("producer kept its plan", keyword="Producer Should Have Kept Its Plan", subject="producer")
def producer_kept_plan(recording: Recording) -> Finding:
    """Every planned message was sent when it was due, and acked."""
    planned = sum(topic.planned_messages(recording.duration) for topic in recording.scenario.topics)
    missed = plan_missed(recording)
    return Finding(
        expected=f"{planned:,} acked, sent in time",
        measured=missed or f"{len(recording.acked):,} acked",
        status="inconclusive" if missed else "pass",
        sentence=missed
        or f"the producer got {len(recording.acked):,} of {planned:,} planned messages acked in time",
        figures={"planned": planned, "acked": len(recording.acked)},
    )


@criterion("the run can be judged", keyword="Run Should Be Sound", subject="run")
def recording_is_sound(recording: Recording) -> Finding:
    """No doubts about the plan, the control, the sinks' rates and the completeness of the run.

    A pause of the host, a late producer and a slow broker are named. They doubt only a failure that they can
    have caused; in recordings of earlier versions, without the times for that, they doubt the whole run.
    """
    doubts = load_doubts(recording)
    harder = [] if doubts else conditions(recording)
    return Finding(
        expected="no doubts",
        measured="; ".join(doubts or harder) or "no doubts",
        status="inconclusive" if doubts else "pass",
        sentence="; ".join(doubts) or "; ".join(["the run can be judged", *harder]),
        figures={"longest_host_pause_seconds": recording.longest_pause_seconds},
    )
