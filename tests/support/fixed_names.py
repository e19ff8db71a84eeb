"""A scenario with fixed names of topics and of the group, and runs of it."""

from pathlib import Path

from fairpoll.checkers import DELIVERY_GUARANTEES, judge
from fairpoll.cluster import Cluster
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.run.recorder import Recorder

GROUP, ORDERS, ALERTS = "fixed-group", "prod.orders", "prod.alerts"
SCENARIO = f"""
title: On topics that others use
duration: 6 s
sink: 400 per second
group: {GROUP}
reset_group: yes
topics:
  orders:
    volume: high
    partitions: 3
    backlog: 300
    traffic: 10 every 100 ms
    output: orders.json
    name: {ORDERS}
    create: no
  alerts:
    volume: low
    partitions: 1
    traffic: 1 every 200 ms
    output: alerts.json
    name: {ALERTS}
    create: no
    poison: [3]
  own:
    volume: low
    partitions: 1
    traffic: 1 every 500 ms
    output: own.json
"""


def recorded(
    cluster: Cluster, tmp_path: Path, *consumers: Subject, changes: dict[str, str] | None = None
) -> Recording:
    text = SCENARIO
    for before, after in (changes or {}).items():
        assert before in text
        text = text.replace(before, after)
    (tmp_path / "shared.yaml").write_text(text, "utf-8")
    with Recorder(cluster, tmp_path / "runs") as recorder:
        return recorder.record("shared", tmp_path / "shared.yaml", 1.0, consumers)


def guarantees(recording: Recording, consumer: str) -> dict[str, str]:
    return {
        name: judged.sentence
        for name in DELIVERY_GUARANTEES
        if (judged := judge(name, recording, consumer)).status != "pass"
    }
