"""The interface of a record, which confluent_kafka's Message implements."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol

from fairpoll.contract.records import Partition


class Record(Protocol):
    """A record from a broker: unlike a Message in general, it has all of these values."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def value(self) -> bytes | None: ...


def runs(records: Sequence[Record]) -> Iterator[tuple[Partition, Sequence[Record]]]:
    """Consecutive records of one partition, in slices; a client returns long ones, one for each fetch."""
    numbers = [record.partition() for record in records]
    topics = [record.topic() for record in records]
    begin = 0
    for number, same_number in groupby(numbers):
        for topic, same in groupby(topics[begin : begin + len(list(same_number))]):
            end = begin + len(list(same))
            yield (topic, number), records[begin:end]
            begin = end
