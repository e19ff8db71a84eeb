"""Time budgets, extended by the delays that SPEED does not scale, and their wording in sentences."""

from fairpoll.evidence.history import Recording

# Real seconds that SPEED does not scale: a fetch may return after 500 ms (the default of fetch.wait.max.ms),
# and a message that just missed one fetch waits for the next one too.
UNSCALED_SECONDS = 1.0


def budget_at_speed(recording: Recording, budget_seconds: float) -> float:
    """A latency budget in scenario seconds, extended by the delays that SPEED does not scale.

    At speed s a real second is s scenario seconds, one of which is in the budget already; so the result is
    budget + UNSCALED_SECONDS * (s - 1). For runs on several machines the error of their clocks is added.
    """
    return budget_seconds + _unscaled(recording) + recording.clock_error_seconds


def _unscaled(recording: Recording) -> float:
    return UNSCALED_SECONDS * max(recording.speed - 1, 0)


def budget_text(recording: Recording, budget_seconds: float) -> str:
    """The budget in words: `at most 5 s (+9 s that SPEED does not scale)`."""
    more, error = _unscaled(recording), recording.clock_error_seconds
    added = [f"+{more:g} s that SPEED does not scale"] if more else []
    added += [f"+{error:.3f} s that the clocks may be off"] if error else []
    return f"at most {budget_seconds:g} s" + (f" ({', '.join(added)})" if added else "")


def seconds_text(seconds: float, bound: float, least: int = 1) -> str:
    """A time with enough decimals to differ from its bound: at least `least`, at most 3."""
    places = max(least, len(f"{bound:g}".partition(".")[2]))
    while places < 3 and float(f"{seconds:.{places}f}") == bound != seconds:
        places += 1
    return f"{seconds:.{min(places, 3)}f} s"
