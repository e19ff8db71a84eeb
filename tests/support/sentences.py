"""What each criterion reports: its sentences for one small recording in which everything goes wrong."""

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from fairpoll.checkers import CRITERIA, RUN_CRITERIA, judge
from fairpoll.checkers.finding import Status
from fairpoll.evidence.history import Committed, ConsumerHistory, Recording
from fairpoll.evidence.stamps import Example, Stamps
from fairpoll.evidence.unreadable import Unreadable, UnreadableLine
from fairpoll.scenarios.timeline import Step
from fairpoll.scenarios.units import Action
from histories import SCENARIO, acked, consumer, delivered, event, recording

BROKEN, GOOD = "my-consumer", "async"
# A value for each unit that a threshold can have.
VALUES = {
    "topics": "low",
    "seconds": 5.0,
    "records": 5,
    "share": 0.95,
    "percentile": 99,
    "MiB": 256.0,
    "MiB a minute": 32.0,
    "times": 4.0,
    "consumer": "sync",
}
NAMES = ("orders", "alerts")
ORDERS, ALERTS = ((name, 0) for name in NAMES)
PLANNED = replace(
    SCENARIO,
    topics=tuple(
        replace(topic, name=name, output=f"{name}.json")
        for topic, name in zip(SCENARIO.topics, NAMES, strict=True)
    ),
)
MESSAGES = [*acked("orders", *range(0, 30, 3)), *acked("alerts", *range(1, 31, 3))]


def output(topic: str, offset: int, at: float, **changes: object):
    return delivered(topic, offset, at, **{"output": f"{topic}.json", **changes})


def everything(name: str) -> ConsumerHistory:
    """Delivers each message half a second after it was sent."""
    records = [output(m.topic, m.offset, m.intended + 0.5) for m in MESSAGES]
    return consumer(name, *records, events=[event("partitions_assigned", -1, ORDERS, ALERTS)])


UNREADABLE = Unreadable(
    Counter({"events.jsonl": 1}), [UnreadableLine(Path("events.jsonl"), 17, "not JSON", "'INFO started'")]
)


def broken() -> ConsumerHistory:
    """Loses, alters, invents, misplaces, repeats and reorders records, stalls, hoards and is evicted."""
    records = [
        output("orders", 0, 0.5),
        output("orders", 0, 1.0),
        output("orders", 3, 11.0, checksum=2),
        output("orders", 2, 12.0, output="alerts.json"),
        output("orders", 99, 13.0),
        output("alerts", 0, 29.0),
    ]
    full = {
        "name": "buffer_levels",
        "at": 2.0,
        "partitions": [{"topic": "orders", "partition": 0, "buffered": 900}],
    }
    events = [
        event("partitions_assigned", -1, ORDERS, ALERTS),
        full,
        event("partitions_paused", 14, ORDERS),
        {**event("partitions_revoked", 20, ALERTS), "lost": True},
    ]
    return replace(
        consumer(BROKEN, *records, events=events),
        commits=[Committed(2.0, *ORDERS, 9), Committed(15.0, *ORDERS, 8)],
        final_offsets={ORDERS: 9},
        memory=[(second, (180 + 2 * second) << 20) for second in range(61)],
        stamps=stamps(),
    )


def stamps() -> Stamps:
    """One of six lines states a time long before it appeared."""
    example = Example("alerts/alerts.json", 1, 2_000.0, 29_000.0, 29_040.0)
    found = Stamps(observed=6, early=1, worst_ms=27_040.0, example=example)
    own, since, until = (np.array([moment]) for moment in example[2:])
    found.keep(own, since, until, np.array([-1]))
    return found


DISTURBED = {
    "start_ms": 0.0,
    "timeline": [{"at_ms": 2_000.0, "verb": "join", "rate": None}],
    "faults": [{"target": "broker", "what": "killed broker 2", "from_ms": 3_000.0, "until_ms": 3_000.0}],
    "processes": [
        {
            **{"consumer": BROKEN, "member": 1, "pid": 1, "started_ms": -1_000.0, "ended_ms": 29_500.0},
            **{"exit_code": 1, "last_output": "  Error: connection reset\n  at line 7"},
        },
        {
            **{"consumer": BROKEN, "member": 2, "pid": 2, "started_ms": 2_000.0, "ended_ms": 75_000.0},
            **{"exit_code": -9, "terminated_ms": 60_000.0, "killed_ms": 75_000.0},
        },
    ],
}


LATE = {
    "start_ms": 0.0,
    "timeline": [{"at_ms": 60_000.0, "verb": "join", "rate": None, "waited_for": [BROKEN]}],
}


def blind(commits: int) -> ConsumerHistory:
    """Reports its pauses and nothing else; commits two records of each partition every six seconds."""
    seen = [Committed(6.0 * n, topic, 0, 2 * n) for n in range(1, commits + 1) for topic in NAMES]
    records = [delivered(c.topic, c.offset - back, c.at) for c in seen for back in (2, 1)]
    paused = [event("partitions_paused", at, ORDERS) for at in (6, 7)]
    return replace(consumer(BROKEN, *records, events=paused), commits=seen, evidence=frozenset())


def run(*consumers: ConsumerHistory, **changes: object) -> Recording:
    return recording(MESSAGES, *consumers, scenario=PLANNED, **changes)


@cache
def recordings() -> list[Recording]:
    """The run in which everything goes wrong, and the same one less conclusive in one way or the other."""
    whole = run(everything("sync"), everything(GOOD), broken(), facts=DISTURBED)
    backlog = tuple(replace(topic, backlog=20) for topic in PLANNED.topics)
    return [
        whole,
        replace(whole, complete=False),
        replace(whole, scenario=replace(PLANNED, topics=backlog)),
        run(everything("sync"), everything(GOOD), broken()),
        run(everything("sync"), everything(GOOD), blind(5)),
        run(everything("sync"), everything(GOOD), blind(3)),
        run(everything("sync"), everything(GOOD), replace(everything(BROKEN), unreadable=UNREADABLE)),
        replace(
            run(everything("sync"), everything(GOOD), everything(BROKEN), facts=LATE),
            scenario=replace(PLANNED, timeline=(Step(10.0, Action("join")),)),
        ),
    ]


def sentences(criterion: str) -> dict[Status, str]:
    """The criterion's sentences for a failure and for an inconclusive finding, as far as it has them."""
    declared = RUN_CRITERIA.get(criterion) or CRITERIA[criterion]
    thresholds = {name: VALUES[t.unit.name] for name, t in declared.thresholds.items()}
    found: dict[Status, str] = {}
    for made in recordings():
        for name in (BROKEN, GOOD):
            finding = judge(criterion, made, name, **thresholds)
            found.setdefault(finding.status, finding.sentence)
    return {status: found[status] for status in ("fail", "inconclusive") if status in found}
