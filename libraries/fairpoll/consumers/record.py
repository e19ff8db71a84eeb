"""What consumers need to know of a record; confluent_kafka's Message has it."""

from typing import Protocol

Partition = tuple[str, int]


class Record(Protocol):
    """A record that came from a broker: unlike a Message in general, it has all of these."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def value(self) -> bytes | None: ...
