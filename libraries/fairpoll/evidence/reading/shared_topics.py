"""Reads which messages of shared topics are other producers'."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fairpoll.contract.records import Partition
from fairpoll.evidence import layout
from fairpoll.evidence.facts import RunFacts
from fairpoll.evidence.reading.strict import read_samples
from fairpoll.evidence.records import Array
from fairpoll.evidence.shared import SharedTopics


def read_shared_topics(folder: Path, facts: RunFacts, names: Mapping[str, str]) -> SharedTopics:
    """The shared topics of a recording; `names` maps the cluster's topic names to the scenario's.

    Raises HistoryError.
    """
    begin = {(topic, n): at for topic, offsets in facts.begin.items() for n, at in enumerate(offsets)}
    path = folder / layout.FOREIGN
    if not begin or not path.exists():
        return SharedTopics(facts.run_id, begin)
    end: dict[Partition, int] = {}
    foreign: dict[Partition, Array] = {}
    for event in read_samples(path):
        if event["name"] == "foreign_records":
            partition = (names.get(event["topic"], event["topic"]), event["partition"])
            end[partition] = event["end"]
            ranges = [np.arange(first, behind) for first, behind in event["ranges"]]
            foreign[partition] = np.concatenate([np.empty(0, np.int64), *ranges])
    return SharedTopics(facts.run_id, begin, end, foreign)
