"""Judges a time against its budget, as finely as SPEED and the clocks allow."""

from dataclasses import replace

from fairpoll.checkers.finding import Finding
from fairpoll.evidence.history import Recording

# Real seconds that SPEED does not divide: a fetch may return after 500 ms (the default of fetch.wait.max.ms),
# and a message that just missed one fetch waits for the next one too.
UNSCALED_SECONDS = 1.0


def coarse_seconds(recording: Recording) -> float:
    """What a time may be too long by, in scenario seconds: real delays at this SPEED, and the clocks' error.

    At speed s a real second is s scenario seconds, one of which is in each budget already. The clocks of one
    machine have no error.
    """
    return UNSCALED_SECONDS * max(recording.speed - 1, 0) + recording.clock_error_seconds


def within(recording: Recording, finding: Finding, seconds: float, budget_seconds: float) -> Finding:
    """The finding on this time: pass within the budget, fail beyond it by more than `coarse_seconds`.

    In between it is inconclusive, and the sentence has the reason.
    """
    if seconds <= budget_seconds:
        return replace(finding, status="pass")
    if seconds > budget_seconds + coarse_seconds(recording):
        return replace(finding, status="fail")
    speed, error = recording.speed, recording.clock_error_seconds
    reasons = []
    if speed > 1:
        more = UNSCALED_SECONDS * (speed - 1)
        reasons.append(
            f"too coarse at SPEED {speed:g}, which does not divide up to {more:g} s: run at SPEED 1"
        )
    if error:
        reasons.append(f"the clocks may be off by {error:.3f} s")
    return replace(finding, status="inconclusive", sentence=f"{'; '.join(reasons)} ({finding.sentence})")


def seconds_text(seconds: float, bound: float, least: int = 1) -> str:
    """A time with enough decimals to differ from its bound: at least `least`, at most 3."""
    places = max(least, len(f"{bound:g}".partition(".")[2]))
    while places < 3 and float(f"{seconds:.{places}f}") == bound != seconds:
        places += 1
    return f"{seconds:.{min(places, 3)}f} s"
