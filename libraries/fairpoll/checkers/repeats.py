"""Records that were delivered again, and what had been committed by a moment."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from fairpoll.contract.records import Partition
from fairpoll.evidence.deliveries import Deliveries
from fairpoll.evidence.history import ConsumerHistory


def repeated(delivered: Deliveries) -> Iterator[tuple[int, int]]:
    """The rows of redeliveries, each after the row of the delivery before it."""
    record, first = delivered.record, delivered.first_row
    again = delivered.where(lambda rows: first[record[rows]] != np.arange(rows.start, rows.stop))
    some = np.concatenate((np.unique(first[record[again]]), again))
    some = some[np.lexsort((some, record[some]))]
    same = record[some[1:]] == record[some[:-1]]
    return zip(some[:-1][same].tolist(), some[1:][same].tolist(), strict=True)


def committed_by_partition(history: ConsumerHistory) -> dict[Partition, list[tuple[float, int]]]:
    found: dict[Partition, list[tuple[float, int]]] = defaultdict(list)
    for commit in history.commits:
        found[(commit.topic, commit.partition)].append((commit.at, commit.offset))
    return found


def committed_at(commits: Sequence[tuple[float, int]], moment: float) -> int:
    """The highest offset known to be committed by then; 0 without a commit."""
    return max((offset for at, offset in commits if at <= moment), default=0)
