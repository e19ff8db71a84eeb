"""A scenario's traffic shared out over several producers, by partition.

A partition belongs to one producer, so that its order, and what an idempotent producer guarantees, stay as
they are with a single one.
"""

from dataclasses import dataclass

from fairpoll.base.errors import ScenarioError
from fairpoll.base.text import quoted
from fairpoll.scenarios.model import Scenario

# As many as a scenario can have partitions for; a wrong number would otherwise be waited for in vain.
MOST_SHARDS = 10_000


@dataclass(frozen=True)
class Shard:
    """One part of the traffic of `count`; `number` counts from 1."""

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
        """(topic, partition) of each partition of this shard, dealt out in turn over all topics.

        Where there are more shards than partitions, the last ones have none.
        """
        dealt = (
            (topic.name, partition) for topic in scenario.topics for partition in range(topic.partitions)
        )
        return frozenset(spot for turn, spot in enumerate(dealt) if turn % self.count == self.number - 1)
