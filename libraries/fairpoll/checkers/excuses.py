"""Excuses: a failure that a pause of the host can have caused proves nothing about the consumer."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fairpoll.checkers.finding import Finding
from fairpoll.evidence.history import Recording
from fairpoll.evidence.retimed import paused_spans, pauses_text, without_spans

Judge = Callable[[Recording, Mapping[str, Any]], Finding]


def excused_by_pauses(recording: Recording, finding: Finding, judge: Judge) -> Finding:
    """The failure, inconclusive if it does not stand without the time of the host's pauses.

    `judge` judges another recording with other thresholds by the same criterion. A criterion that counts
    deliveries asks for as much less as the pauses took of the live traffic.
    """
    consumer = finding.consumer
    spans = paused_spans(recording, consumer)
    if not spans:
        return finding
    awake = without_spans(recording, consumer, spans)
    if judge(awake, _scaled(finding.thresholds, awake.duration / recording.duration)).status == "fail":
        return finding
    pauses = pauses_text(recording.pauses_of(consumer), recording)
    return replace(
        finding,
        status="inconclusive",
        sentence=f"{pauses}, without which the limit is kept ({finding.sentence})",
    )


def _scaled(thresholds: Mapping[str, Any], awake: float) -> dict[str, Any]:
    """The thresholds, with numbers and shares of records multiplied by `awake`."""
    scaled = dict(thresholds)
    if "records" in scaled:
        scaled["records"] = math.floor(scaled["records"] * awake)
    if "share" in scaled:
        scaled["share"] = scaled["share"] * awake
    return scaled
