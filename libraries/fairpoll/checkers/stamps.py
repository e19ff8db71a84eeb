"""The criterion of a consumer's own times: they agree with what was observed from outside."""

import numpy as np

from fairpoll.base.text import count_text, plain
from fairpoll.checkers.clocks import error_by_all
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import criterion
from fairpoll.evidence.history import Recording
from fairpoll.evidence.records import Array
from fairpoll.evidence.stamps import Stamps
from fairpoll.scenarios.model import CONTROL

# Two consumers' times contradict the observation equally within this (real seconds): it is that coarse.
OBSERVED_SECONDS = 0.25
# Times that are given in another unit: how many milliseconds one of them is.
_UNITS = {"seconds": 1e3, "microseconds": 1e-3, "nanoseconds": 1e-6}
# A unit or a clock explains the times if it explains this share of them.
_MOST = 0.9
# Times that follow another clock stay this close to each other's distance (real milliseconds).
_STEADY_MS = 500.0
# Two processes' clocks, and the steps between a message's stamp and its send (real milliseconds).
_SENT_MS = 100.0


@criterion(
    "own times agree with the observation",
    keyword="Clock Should Be Honest",
    needs="records",
    also_needs=("lines",),
)
def clock_honest(recording: Recording, consumer: str) -> Finding:
    """Each line that states a time was written at that time, as far as its file was observed from outside.

    The harness observes at least every 50 ms how the files grow. A line may state a time up to 0.25 s before
    or after the interval in which it appeared; a writer that collects lines and flushes them together may be
    2 s late; rounded times may be a unit off. In real seconds. Everything else is judged by the observed
    times. Inconclusive in recordings without observations, and if the times of every consumer, the control
    included, are off by as much: the harness's own clock is.
    """
    stamps = recording.consumers[consumer].stamps
    lines = count_text(stamps.observed, "line")
    if not stamps.outside:
        return Finding(
            expected="as observed",
            measured="as observed" if stamps.observed else "not observed",
            sentence=f"the times in {lines} of {consumer} agree with the observation of its files"
            if stamps.observed
            else f"it was not observed when the lines of {consumer} were written, or they state no time",
            status="pass" if stamps.observed else "inconclusive",
            figures={"outside": 0, "worst_seconds": 0.0},
        )
    worst = stamps.worst_ms / 1000
    early = stamps.early >= stamps.late
    doubt = _doubt(recording, worst)
    return Finding(
        expected="as observed",
        measured=f"{stamps.outside:,} of {stamps.observed:,} off by up to {worst:,.1f} s",
        sentence=f"{doubt}{consumer} stated a time that contradicts the observation in {stamps.outside:,} of "
        f"{lines}, too {'early' if early else 'late'} by up to {worst:,.1f} s, expected none"
        f"{_example(recording, stamps)}; likely cause: {_likely(recording, stamps)}",
        status="inconclusive" if doubt else "fail",
        figures={"outside": stamps.outside, "worst_seconds": round(worst, 3)},
    )


def _doubt(recording: Recording, worst_seconds: float) -> str:
    """The reason if the harness's own clock can be off by as much as these times are; otherwise ""."""
    stamps = {name: history.stamps for name, history in recording.consumers.items()}
    off = error_by_all({name: one.worst_ms / 1000 if one.outside else 0.0 for name, one in stamps.items()})
    if not off or worst_seconds > off + OBSERVED_SECONDS:
        return ""
    return (
        f"the times of every consumer, the control included, contradict the observation ({CONTROL} by up to "
        f"{off:,.1f} s), so that the clock of the harness is off: "
    )


def _example(recording: Recording, stamps: Stamps) -> str:
    if stamps.example is None:
        return ""
    file, number, own, since, until = stamps.example
    seen = recording.seconds(until if np.isfinite(until) else since)
    return (
        f": line {number} of {plain(file)} states second {recording.seconds(own):,.1f}, "
        f"and appeared at second {seen:,.1f}"
    )


def _likely(recording: Recording, stamps: Stamps) -> str:
    """What the times of the lines that contradict the observation probably are."""
    own, record = stamps.kept("own"), stamps.kept("record")
    seen = np.where(np.isfinite(stamps.kept("until")), stamps.kept("until"), stamps.kept("since"))
    for unit, factor in _UNITS.items():
        if _explained(np.abs(own * factor - seen) < np.abs(own - seen) / 100):
            return f"the times are in {unit} instead of milliseconds"
    off = own - seen
    middle = float(np.median(off))
    known = (record >= 0) & (record < len(recording.acked))
    acked = recording.acked
    # A record's timestamp is set when it is sent (the producer may set it to the due time) or appended.
    stamped = [column[record[known]] for column in (acked.intended, acked.sent, acked.acked)]
    stated = np.array([recording.seconds(moment) for moment in own[known].tolist()])
    slack = _SENT_MS / 1000 * recording.speed
    if known.any() and any(_explained(np.abs(stated - moments) < slack) for moments in stamped):
        return "the times are the records' own timestamps"
    if _explained(np.abs(off - middle) < _STEADY_MS):
        return f"its clock is {abs(middle) / 1000:,.1f} s {'behind' if middle < 0 else 'ahead'}"
    if early := int(np.count_nonzero(stated < stamped[1] - slack)):
        return f"{count_text(early, 'record')} would have been delivered before being sent"
    if middle < 0:
        return "the times are those of the records' receipt, or of another moment before they were written"
    return "the times are not those at which the lines were written"


def _explained(lines: Array) -> bool:
    return float(np.mean(lines)) >= _MOST
