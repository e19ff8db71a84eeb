"""What consumers need to know of a record; confluent_kafka's Message has it."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol

from fairpoll.contract.records import Partition


class Record(Protocol):
    """A record that came from a broker: unlike a Message in general, it has all of these."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def value(self) -> bytes | None: ...


def runs(records: Sequence[Record]) -> Iterator[tuple[Partition, Sequence[Record]]]:
    """The records in slices of those that follow each other in one partition.

    A client hands them over in long ones, a fetch each: what is done once a slice costs nothing.
    """
    numbers = [record.partition() for record in records]
    topics = [record.topic() for record in records]
    begin = 0
    for number, same_number in groupby(numbers):
        for topic, same in groupby(topics[begin : begin + len(list(same_number))]):
            end = begin + len(list(same))
            yield (topic, number), records[begin:end]
            begin = end
