"""The same recording with other times: without pauses of the host, or up to the moment of its last sample."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fairpoll.base.errors import HistoryError
from fairpoll.evidence.facts import Process, RunFacts
from fairpoll.evidence.history import ConsumerHistory, Recording

Span = tuple[float, float]

# After a pause, clients and brokers have as long again to catch up, at most these real seconds: requests and
# sessions have timed out, and the group rebalances. After a long pause they have at least three seconds, the
# usual interval between heartbeats.
MOST_CATCH_UP_SECONDS = 10.0
LEAST_CATCH_UP_SECONDS = 3.0
LONG_PAUSE_SECONDS = 1.0
# The cause of a run's end may have disturbed the consumers this long before the last look (real seconds).
UNSURE_SECONDS = 1.0


def hindered_spans(recording: Recording, consumer: str) -> list[Span]:
    """The times (scenario seconds) in which the host's pauses or a client quota kept it from delivering.

    Each with a time to catch up; if a member was evicted in it, up to the group's next assignment. In order,
    without overlaps.
    """
    events, group = recording.consumers[consumer].events, recording.consumers[consumer].group
    evicted = [event["at"] for event in events if event.get("lost")]
    evicted += [departure.at for departure in group.departures] if group else []
    assigned = [event["at"] for event in events if event.get("name") == "partitions_assigned"]
    spans: list[Span] = []
    for since, over in sorted([*_pauses(recording, consumer), *throttled_spans(recording, consumer)]):
        until = over + _catch_up((over - since) / recording.speed) * recording.speed
        for at in evicted:
            if since <= at <= until:
                until = max(until, min((again for again in assigned if again >= at), default=at))
        _join(spans, (since, until))
    return spans


def throttled_spans(recording: Recording, consumer: str) -> list[Span]:
    """The times (scenario seconds) in which brokers held their answers to this consumer back, by a quota.

    By its own word, which can excuse a failure and makes nothing pass. In order, without overlaps.
    """
    spans: list[Span] = []
    for event in recording.consumers[consumer].events_named("throttled"):
        if event["seconds"] > 0:
            _join(spans, (event["at"], event["at"] + event["seconds"] * recording.speed))
    return spans


def _pauses(recording: Recording, consumer: str) -> list[Span]:
    return [
        (recording.seconds(pause.from_ms), recording.seconds(pause.until_ms))
        for pause in recording.pauses_of(consumer)
    ]


def _join(spans: list[Span], span: Span) -> None:
    """Append this span, or lengthen the last one if they overlap."""
    since, until = span
    if spans and since <= spans[-1][1]:
        since, until = spans[-1][0], max(until, spans.pop()[1])
    spans.append((since, until))


def _catch_up(pause_seconds: float) -> float:
    """The real seconds to catch up after a pause or a quota's delay of this length."""
    least = LEAST_CATCH_UP_SECONDS if pause_seconds >= LONG_PAUSE_SECONDS else 0.0
    return min(max(pause_seconds, least), MOST_CATCH_UP_SECONDS)


def without_spans(recording: Recording, consumer: str, spans: Sequence[Span]) -> Recording:
    """The recording as if these spans had taken no time, for judging this consumer.

    What happened within a span happened at its beginning. Second 0 stays second 0. An eviction within a span
    is a revocation, and no departure.
    """
    edges = [edge for span in spans for edge in span]
    gone = np.cumsum([(0.0, until - since) for since, until in spans])
    before_start = float(np.interp(0.0, edges, gone))

    def shortened(at: Any) -> Any:
        return at - np.interp(at, edges, gone) + before_start

    history = recording.consumers[consumer]
    events = [
        {key: value for key, value in event.items() if key != "lost"}
        if any(since <= event["at"] <= until for since, until in spans)
        else event
        for event in history.events
    ]
    group = history.group and replace(
        history.group,
        departures=[
            departure
            for departure in history.group.departures
            if not any(since <= departure.at <= until for since, until in spans)
        ],
    )
    consumers = {**recording.consumers, consumer: replace(history, events=events, group=group)}
    return _retimed(replace(recording, consumers=consumers), shortened)


def seconds_of(spans: Sequence[Span]) -> float:
    """The length of all spans together."""
    return sum(until - since for since, until in spans)


def hindrance_text(recording: Recording, consumer: str) -> str:
    """The longest pause of the host and the longest time under a quota, with their places."""
    found = []
    for what, spans in (
        ("the host paused", _pauses(recording, consumer)),
        (f"a client quota throttled {consumer}", throttled_spans(recording, consumer)),
    ):
        if spans:
            since, until = max(spans, key=lambda span: span[1] - span[0])
            length = (until - since) / recording.speed
            more = f" and {len(spans) - 1:,} more times" if len(spans) > 1 else ""
            found.append(f"{what} for {length:.1f} s at second {since:.1f}{more}")
    return "; ".join(found)


def _retimed(recording: Recording, time: Callable[[Any], Any]) -> Recording:
    """The recording with every time mapped by this function, which never decreases and maps 0 to 0."""
    messages = copy.copy(recording.acked)
    for name in ("intended", "sent", "acked"):
        setattr(messages, name, time(getattr(messages, name)))

    def history(one: ConsumerHistory) -> ConsumerHistory:
        return replace(
            one,
            delivered=one.delivered.at_times(messages, time(one.delivered.at)),
            events=[{**event, "at": float(time(event["at"]))} for event in one.events],
            commits=[replace(commit, at=float(time(commit.at))) for commit in one.commits],
            dead_letters=[replace(letter, at=float(time(letter.at))) for letter in one.dead_letters],
            group=one.group
            and replace(
                one.group,
                departures=[replace(d, at=float(time(d.at))) for d in one.group.departures],
                held=[
                    replace(h, since=float(time(h.since)), until=float(time(h.until))) for h in one.group.held
                ],
            ),
        )

    return replace(
        recording,
        acked=messages,
        consumers={name: history(one) for name, one in recording.consumers.items()},
        scenario=replace(recording.scenario, duration_seconds=float(time(recording.duration))),
        facts=_facts(recording, time),
    )


def _facts(recording: Recording, time: Callable[[Any], Any]) -> RunFacts:
    facts, start = recording.facts, recording.facts.start_ms or 0.0

    def ms(epoch_ms: Any) -> Any:
        if epoch_ms is None:
            return None
        return start + float(time(recording.seconds(epoch_ms))) * 1000 / recording.speed

    def moved(entry: Any, *names: str) -> Any:
        return replace(entry, **{name: ms(getattr(entry, name)) for name in names})

    moved_facts: RunFacts = moved(facts, "assigned_ms", "end_ms", "drain_ms", "drained_ms", "stopped_ms")
    return replace(
        moved_facts,
        timeline=tuple(moved(step, "at_ms") for step in facts.timeline),
        faults=tuple(moved(fault, "from_ms", "until_ms") for fault in facts.faults),
        processes=tuple(moved(process, "started_ms", *_PROCESS_TIMES) for process in facts.processes),
    )


def cut_off_after(recording: Recording, last_look: float | None) -> Recording:
    """A recording that was cut off, as far as it can be judged: up to the last look, less UNSURE_SECONDS.

    The whole recording if the time of the last look is not known. Raises HistoryError if nothing is left.
    """
    if last_look is None:
        return recording
    end = last_look - UNSURE_SECONDS * recording.speed
    if end <= 0:
        raise HistoryError(f"{recording.folder}: the run was cut off as its traffic began; nothing to judge")
    return observed_until(recording, end)


def observed_until(recording: Recording, at: float) -> Recording:
    """The recording up to this moment (scenario seconds): whatever came later is left out.

    Committed offsets of the end are not known then. The ledger is kept whole, because a record may be
    delivered before its ack is written.
    """
    start = recording.facts.start_ms or 0.0
    end_ms = start + at * 1000 / recording.speed

    def history(one: ConsumerHistory) -> ConsumerHistory:
        return replace(
            one,
            delivered=one.delivered.until(at),
            events=[event for event in one.events if event["at"] <= at],
            commits=[commit for commit in one.commits if commit.at <= at],
            dead_letters=[letter for letter in one.dead_letters if letter.at <= at],
            group=one.group
            and replace(one.group, departures=[d for d in one.group.departures if d.at <= at]),
            final_offsets=None,
        )

    def process(one: Process) -> Process:
        times: dict[str, Any] = {name: _until(getattr(one, name), end_ms) for name in _PROCESS_TIMES}
        later = times["ended_ms"] is None
        after: dict[str, Any] = {"exit_code": None, "left": (), "restarted": False} if later else {}
        return replace(one, **times, **after)

    facts = recording.facts
    return replace(
        recording,
        consumers={name: history(one) for name, one in recording.consumers.items()},
        scenario=replace(recording.scenario, duration_seconds=min(recording.duration, at)),
        facts=replace(
            facts,
            stopped_ms=end_ms,
            drained_ms=_until(facts.drained_ms, end_ms),
            timeline=tuple(step for step in facts.timeline if step.at_ms <= end_ms),
            faults=tuple(fault for fault in facts.faults if fault.from_ms <= end_ms),
            processes=tuple(map(process, facts.processes)),
        ),
    )


_PROCESS_TIMES = ("ended_ms", "group_ended_ms", "terminated_ms", "killed_ms")


def _until(epoch_ms: float | None, end_ms: float) -> float | None:
    return None if epoch_ms is None or epoch_ms > end_ms else epoch_ms
