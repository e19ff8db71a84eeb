"""The run's own messages that consumers have not delivered yet, on topics that others write to as well."""

from collections.abc import Collection
from pathlib import Path

from fairpoll.contract.events import Event, read_events
from fairpoll.contract.records import Partition
from fairpoll.run.outputs import DeliveryCounter


class Awaited:
    """What the drain waits for: on shared topics the number of delivered records does not show it.

    `ledger` must be complete. Those of the consumers that are `running` after the run are awaited until they
    have committed, too: others commit when they are stopped.
    """

    def __init__(
        self, ledger: Path, outputs: DeliveryCounter, consumers: list[str], running: Collection[str] = ()
    ) -> None:
        self._outputs, self._running = outputs, running
        acked = [
            event
            for event in read_events(ledger)
            if event["name"] == "producer_send_success" and not event.get("poison")
        ]
        self._left = dict.fromkeys(consumers, acked)
        self._last: dict[Partition, Event] = {(e["topic"], e["partition"]): e for e in acked}

    def left(self) -> dict[str, int]:
        """Consumer -> how many messages it had not delivered at the last count."""
        for name, messages in self._left.items():
            self._left[name] = [one for one in messages if not self._outputs.has(name, one)]
        return {name: len(messages) + self._uncommitted(name) for name, messages in self._left.items()}

    def _uncommitted(self, consumer: str) -> int:
        """The number of partitions whose last message is not committed, of a consumer that is not stopped."""
        last = self._last.values() if consumer in self._running else ()
        return sum(not self._outputs.is_committed(consumer, message) for message in last)

    def progress(self, consumer: str, delivered: int) -> int:
        """A number that changes while the consumer comes nearer to its last message.

        Records of others count until it has passed the last message of each partition: what is missing then
        is lost. Those that come later would keep the drain from ending.
        """
        passed = all(self._outputs.is_beyond(consumer, last) for last in self._last.values())
        return -len(self._left[consumer]) if passed else delivered
