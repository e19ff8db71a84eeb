"""A scenario's traffic divided among several producers, by partition.

A partition belongs to one producer, which keeps its order and the guarantees of an idempotent producer.
"""

from dataclasses import dataclass

from fairpoll.base.errors import ScenarioError
from fairpoll.base.text import quoted
from fairpoll.scenarios.model import Scenario

# As many as a scenario may have partitions; further producers would have nothing to send.
MOST_SHARDS = 10_000


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of the traffic, which is divided into `count` parts."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """`2/4` -> the second of four. Raises ScenarioError."""
        number, slash, count = text.partition("/")
        if slash and number.isdecimal() and count.isdecimal() and len(text) < 12:
            shard = cls(int(number), int(count))
            if 1 <= shard.number <= shard.count <= MOST_SHARDS:
                return shard
        raise ScenarioError(f"{quoted(text)} is not a shard; write for example 2/4, the second of four")

    def partitions(self, scenario: Scenario) -> frozenset[tuple[str, int]]:
        """The partitions of this shard, assigned round robin over all topics.

        With more shards than partitions, the last shards have none.
        """
        dealt = (
            (topic.name, partition) for topic in scenario.topics for partition in range(topic.partitions)
        )
        return frozenset(
            partition for turn, partition in enumerate(dealt) if turn % self.count == self.number - 1
        )
