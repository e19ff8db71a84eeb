"""Was the experiment what it was meant to be? Judged first; nothing else counts without it."""

from fairpoll.checkers.model import Finding, load_doubts, plan_missed
from fairpoll.history import Recording


def producer_kept_plan(recording: Recording) -> Finding:
    """Every planned message was sent when it was due, and acked."""
    planned = sum(topic.planned_messages(recording.duration) for topic in recording.scenario.topics)
    missed = plan_missed(recording)
    return Finding(
        "producer kept its plan",
        "producer",
        f"{planned:,} acked, sent in time",
        missed or f"{len(recording.acked):,} acked",
        "inconclusive" if missed else "pass",
        missed or f"the producer got {len(recording.acked):,} of {planned:,} planned messages acked in time",
        {"planned": planned, "acked": len(recording.acked)},
    )


def recording_is_sound(recording: Recording) -> Finding:
    """Nothing keeps this recording from proving something: plan, control, machine, completeness."""
    doubts = load_doubts(recording)
    return Finding(
        "the run can be judged",
        "run",
        "no doubts",
        "; ".join(doubts) or "none",
        "inconclusive" if doubts else "pass",
        "; ".join(doubts) or "the run can be judged",
        {"longest_host_pause_seconds": recording.longest_pause_seconds},
    )
