"""Excuses: a failure that the host, the producer or the broker can have caused proves nothing.

Each is weighed by its place and size: the criterion is judged once more without what it can have cost, and a
failure that remains stands.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.finding import Finding
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import acked_at, oldest_wait
from fairpoll.evidence.records import Array
from fairpoll.evidence.retimed import Span, hindered_spans, hindrance_text, without_spans

Judge = Callable[[Recording, Mapping[str, Any]], Finding]

# A message that was acked later than this after it was due came late (real seconds).
LATE_SECONDS = 1.0
# Brokers that ack nothing for longer than this do not answer (real seconds).
OUTAGE_SECONDS = 1.0


def excused(recording: Recording, finding: Finding, judge: Judge, *, of_load: bool) -> Finding:
    """The failure, inconclusive if what the host, the producer and the broker can have cost explains it.

    `judge` judges another recording with other thresholds by the same criterion; `of_load`: whether the
    criterion depends on the load, so that late messages can fail it. An outage of the brokers can fail the
    others: a consumer that waits for the answer to a commit is silent.
    """
    consumer, thresholds, reasons = finding.consumer, finding.thresholds, []
    awake = recording
    if spans := hindered_spans(recording, consumer):
        awake = without_spans(recording, consumer, spans)
        thresholds = _scaled(thresholds, awake.duration / recording.duration)
        reasons.append(hindrance_text(recording, consumer))
        if judge(awake, thresholds).status != "fail":
            return _inconclusive(finding, reasons)
    if not recording.waits_from_ack:
        return finding
    if not of_load:
        if outages := _outages(awake):
            awake = without_spans(awake, consumer, outages)
            if judge(awake, thresholds).status != "fail":
                return _inconclusive(finding, [*reasons, _outages_text(recording, outages)])
        return finding
    late = _late(awake, finding)
    if not len(late) or judge(awake, _eased(awake, finding, thresholds, late)).status == "fail":
        return finding
    return _inconclusive(finding, [*reasons, _late_text(awake, late)])


def _inconclusive(finding: Finding, reasons: Sequence[str]) -> Finding:
    sentence = f"{'; '.join(reasons)}, without which the limit is kept ({finding.sentence})"
    return replace(finding, status="inconclusive", sentence=sentence)


def _outages(recording: Recording) -> list[Span]:
    """The times (scenario seconds) in which the brokers acked nothing with messages outstanding.

    Each is longer than OUTAGE_SECONDS; in order, without overlaps. A request of a consumer, such as a commit,
    cannot be expected to be answered in such a time. Empty if a fault of a broker or of the network was
    injected, for which the scenario's limits allow.
    """
    if any(fault.target in ("broker", "network") for fault in recording.faults):
        return []
    messages = recording.acked
    live = ~messages.backlog & ~np.isnan(messages.acked)
    sent, acks = messages.sent[live], messages.acked[live]
    order = np.argsort(acks, kind="stable")
    sent, acks = sent[order], acks[order]
    # The earliest of the messages that were not acked before this ack.
    outstanding = np.minimum.accumulate(sent[::-1])[::-1]
    begins = np.maximum(outstanding, np.concatenate((outstanding[:1], acks[:-1])))
    long = acks - begins > OUTAGE_SECONDS * recording.speed
    outages: list[Span] = []
    for since, until in zip(begins[long].tolist(), acks[long].tolist(), strict=True):
        joined = outages and since <= outages[-1][1]
        outages.append((outages.pop()[0] if joined else since, until))
    return outages


def _outages_text(recording: Recording, outages: Sequence[Span]) -> str:
    """The longest outage with its place, and how many there were."""
    since, until = max(outages, key=lambda span: span[1] - span[0])
    length = (until - since) / recording.speed
    more = f" and {count_text(len(outages) - 1, 'more time')}" if len(outages) > 1 else ""
    return (
        f"the brokers acked nothing for {length:.1f} s at second {since:.1f}{more}, with messages outstanding"
    )


def _scaled(thresholds: Mapping[str, Any], awake: float) -> dict[str, Any]:
    """The thresholds; numbers and shares of records are reduced to the unhindered part of the traffic."""
    scaled = dict(thresholds)
    if "records" in scaled:
        scaled["records"] = math.floor(scaled["records"] * awake)
    if "share" in scaled:
        scaled["share"] = scaled["share"] * awake
    return scaled


def _eased(
    recording: Recording, finding: Finding, thresholds: Mapping[str, Any], late: Array
) -> dict[str, Any]:
    """The thresholds without what late messages can have cost.

    A wait begins with the ack, so that a late message costs nothing itself. But late messages arrive
    together, and a sink takes one after the other: a wait grows by at most the longest delay among those that
    arrived meanwhile. A count is smaller by at most the late messages.
    """
    eased, longest = dict(thresholds), float(_delays(recording, late).max())
    if "seconds" in eased:
        eased["seconds"] += longest
    if "solo_seconds" in eased:
        eased["solo_seconds"] += longest / eased["times"]
    if "records" in eased:
        eased["records"] -= len(late)
    if "share" in eased and "volume" in eased:
        live = sum(int((~recording.acked.backlog[rows]).sum()) for rows in _rows_of(recording, finding))
        eased["share"] *= 1 - len(late) / max(live, 1)
    return eased


def _late_text(recording: Recording, late: Array) -> str:
    """The message that came latest, and whether producer or broker delayed it more."""
    delays = _delays(recording, late)
    message = recording.acked[int(late[delays.argmax()])]
    whole = float(delays.max()) / recording.speed
    sent = (message.sent - message.intended) / recording.speed
    most = (
        f"the producer sent it {sent:.1f} s late"
        if sent >= whole - sent
        else f"the broker took {whole - sent:.1f} s to ack it"
    )
    where = f"{message.topic}/{message.partition}@{message.offset} at second {message.intended:.1f}"
    came = f"{count_text(len(late), 'message')} came over {LATE_SECONDS:g} s late"
    return f"{came}, by up to {whole:.1f} s ({where}: {most})"


def _delays(recording: Recording, rows: Array) -> Array:
    """From due to acked, in scenario seconds."""
    delays: Array = acked_at(recording, rows) - recording.acked.intended[rows]
    return delays


def _rows_of(recording: Recording, finding: Finding) -> list[slice]:
    """The rows of the topics that the finding is about."""
    volume, messages = finding.thresholds.get("volume"), recording.acked
    every = list(messages.by_partition.values())
    return every if volume is None else messages.of_topics(recording.topics_of(volume))


def _late(recording: Recording, finding: Finding) -> Array:
    """The rows of the live messages that came late and can have caused this finding.

    For a wait, those of all topics that arrived while the message that waited longest did: they share a sink.
    For a count, those of the topics in question.
    """
    messages = recording.acked
    of_wait = "seconds" in finding.thresholds or "solo_seconds" in finding.thresholds
    spans = [slice(0, len(messages))] if of_wait else _rows_of(recording, finding)
    rows: Array = np.concatenate(
        [np.empty(0, np.int64), *(np.arange(span.start, span.stop) for span in spans)]
    )
    late = ~messages.backlog[rows] & (_delays(recording, rows) > LATE_SECONDS * recording.speed)
    rows = rows[late]
    if "oldest_wait_seconds" in finding.figures and len(rows):
        topics = recording.topics_of(finding.thresholds["volume"])
        _, oldest = oldest_wait(recording, finding.consumer, topics)
        if oldest is not None:
            delivered = recording.first(finding.consumer)[messages.find_one(oldest.record_id)]
            since = acked_at(recording, rows)
            rows = rows[(since >= oldest.intended) & (since <= delivered)]
    return rows
