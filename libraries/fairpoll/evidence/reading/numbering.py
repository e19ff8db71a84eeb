"""Numbers for the partitions of a scenario."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fairpoll.contract.records import Partition, RecordId
from fairpoll.evidence.records import Array

# Converts milliseconds since the epoch, one number or a column, to scenario seconds.
Time = Callable[[Any], Any]


class Numbering:
    """Numbers the scenario's partitions. `names` maps the cluster's topic names to the scenario's."""

    def __init__(self, partitions: Mapping[str, int], names: Mapping[str, str]) -> None:
        self.partitions: list[Partition] = [(t, p) for t, count in partitions.items() for p in range(count)]
        self.names = names
        self.topics = list(partitions)
        # Consumers report topics by the cluster's names; the scenario's are understood as well.
        self.known = list(dict.fromkeys((*names, *partitions)))
        first = np.concatenate(([0], np.cumsum(list(partitions.values()), dtype=np.int64)))
        spans = {name: (first[n], count) for n, (name, count) in enumerate(partitions.items())}
        self._of_topics = np.array([spans[name] for name in self.topics]).reshape(-1, 2)
        self._of_known = np.array([spans.get(names.get(n, n), (0, 0)) for n in self.known]).reshape(-1, 2)
        self._numbers = {partition: number for number, partition in enumerate(self.partitions)}

    def number(self, partition: Partition) -> int:
        """The number of one of the scenario's partitions. Raises KeyError for any other."""
        return self._numbers[partition]

    def scenario_id(self, record: Mapping[str, Any]) -> RecordId:
        """The id of a record of a consumer, with the scenario's topic name."""
        topic = record["topic"]
        return (self.names.get(topic, topic), record["partition"], record["offset"])

    def numbers(self, columns: Mapping[str, Array], *, on_cluster: bool) -> Array:
        """The partition number for each row, -1 for partitions that the scenario does not have.

        `columns` has the topic, an index into `known` (`on_cluster`) or `topics`, and the partition.
        """
        topic, partition = columns["topic"], columns["partition"]
        spans = self._of_known if on_cluster else self._of_topics
        first, count = spans[topic].T
        return np.where((topic >= 0) & (partition >= 0) & (partition < count), first + partition, -1)
