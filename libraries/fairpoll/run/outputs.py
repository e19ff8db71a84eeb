"""Counts the records that the consumers have delivered so far, by the best evidence of each."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from fairpoll.contract.events import Event, Tail
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.evidence.layout import EVENTS, SAMPLES, SECOND_MEMBER, SEEN
from fairpoll.scenarios.model import Scenario

Counts = dict[str, dict[str, int]]


class DeliveryCounter:
    """Distinct records delivered by each consumer, by the best evidence of each.

    That is what was seen in its sink, else its output files, else its events, else its commits.

    `places` maps a consumer's name to its folder and its output format, `topic_names` the scenario's topics
    to those on the cluster. `sizes` has the size of each of their files by its path, as it was last observed.
    """

    def __init__(
        self,
        recording: Path,
        scenario: Scenario,
        places: Mapping[str, tuple[Path, Fields]],
        topic_names: Mapping[str, str],
        sizes: Mapping[str, int],
    ) -> None:
        self._volume_of = {topic.name: topic.volume for topic in scenario.topics}
        # An id has the scenario's name of its topic, everything else the cluster's.
        names = {name: topic for topic in self._volume_of for name in (topic, topic_names[topic])}
        self._consumers = {
            name: _Delivered(folder, fields, [topic.output for topic in scenario.topics], names, sizes)
            for name, (folder, fields) in places.items()
        }
        self._samples = Tail(recording / SAMPLES)
        self._names = names
        self._committed: dict[str, dict[str, dict[int, int]]] = {}
        self._before: Counts = {}

    def begin(self) -> None:
        """The live traffic begins: `summary` counts from here on, as the verdict does."""
        self._before = self.count()

    def count(self) -> Counts:
        """Consumer -> volume -> distinct records, up to now."""
        return {name: self._by_volume(by_topic) for name, by_topic in self.by_topic().items()}

    def by_topic(self) -> Counts:
        """Consumer -> the scenario's topic -> distinct records, up to now."""
        for sample in self._samples.read():
            if sample.get("name") == "committed_offsets":
                self._add_committed(sample)
        return {
            name: delivered.count() or {topic: self.committed(name, topic) for topic in self._volume_of}
            for name, delivered in self._consumers.items()
        }

    def committed(self, consumer: str, topic: str) -> int:
        """The sum of the offsets that its group had committed in this topic at the last count."""
        return sum(self._committed.get(consumer, {}).get(topic, {}).values())

    def has(self, consumer: str, message: Event) -> bool:
        """Whether it had delivered this message, an event of the ledger with an offset, at the last count."""
        topic, partition, offset = message["topic"], message["partition"], message["offset"]
        seen = self._consumers[consumer].seen
        if seen:
            of_topic = seen.get(topic, set())
            return (partition, offset) in of_topic or (str(message["sequence"]), 0) in of_topic
        return self.is_committed(consumer, message)

    def is_committed(self, consumer: str, message: Event) -> bool:
        """Whether its group had committed this message, at the last count."""
        topic, partition, offset = message["topic"], message["partition"], message["offset"]
        committed = self._committed.get(consumer, {}).get(topic, {}).get(partition, 0)
        return offset is not None and offset < committed

    def is_beyond(self, consumer: str, message: Event) -> bool:
        """Whether it had delivered this message or a later one of the partition, at the last count."""
        topic, partition, offset = message["topic"], message["partition"], message["offset"] or 0
        seen = self._consumers[consumer].seen
        if seen:
            return any(at >= offset for number, at in seen.get(topic, ()) if number == partition)
        return self.has(consumer, message)

    def _add_committed(self, sample: Event) -> None:
        known = self._committed.setdefault(sample["consumer"], {})
        for o in sample["offsets"]:
            known.setdefault(self._names.get(o["topic"], ""), {})[o["partition"]] = o["offset"]

    def _by_volume(self, by_topic: Mapping[str, int]) -> dict[str, int]:
        counts = dict.fromkeys(self._volume_of.values(), 0)
        for topic, number in by_topic.items():
            volume = self._volume_of.get(topic, "")
            counts[volume] = counts.get(volume, 0) + number
        return counts

    def totals(self) -> dict[str, int]:
        """Consumer -> distinct records, up to now."""
        return {name: sum(by_volume.values()) for name, by_volume in self.count().items()}

    def summary(self) -> str:
        """The counts since `begin`, as text: `sync: high 1,163, low 0; async: ...`."""
        return "; ".join(
            f"{name}: "
            + ", ".join(
                f"{volume} {number - self._before.get(name, {}).get(volume, 0):,}"
                for volume, number in by_volume.items()
            )
            for name, by_volume in self.count().items()
        )


class _Delivered:
    """The records of one consumer, by its sink, its output files, or its events if there are neither."""

    def __init__(
        self,
        folder: Path,
        fields: Fields,
        outputs: list[str],
        names: Mapping[str, str],
        sizes: Mapping[str, int],
    ) -> None:
        places = (folder, folder / SECOND_MEMBER)
        self._outputs = {str(place / name): Tail(place / name) for place in places for name in outputs}
        self._sink = {str(place / SEEN): Tail(place / SEEN) for place in places}
        self._events = [Tail(place / EVENTS) for place in places]
        self._fields = fields
        self._names = names
        self._sizes = sizes
        self._ours = fields == OUR_FIELDS
        # Topic -> (partition, offset), or (sequence as text, 0) for output files that have only ids.
        self.seen: dict[str, set[tuple[int | str, int]]] = {}

    def count(self) -> dict[str, int]:
        sizes = self._sizes
        files = self._sink if any(path in sizes for path in self._sink) else self._outputs
        if any(path in sizes for path in files):
            for path, tail in files.items():
                if sizes.get(path, 0) > tail.offset:
                    lines = tail.read()
                    self._add(lines if self._ours else map(self._in_our_fields, lines))
        else:
            for tail in self._events:
                for event in tail.read():
                    if event.get("name") == "records_consumed":
                        self._add(event.get("records", []))
        return {topic: len(records) for topic, records in self.seen.items()}

    def _in_our_fields(self, line: Event) -> Event:
        """The line in our format; {} for an invalid line, which the judge will report."""
        try:
            read = self._fields.read(line)
        except (KeyError, ValueError):
            return {}
        if self._fields.id:
            _, topic, sequence, *_ = f"{read['id']}::".split(":")
            return {"topic": topic, "partition": sequence, "offset": 0}
        return read

    def _add(self, records: Iterable[Event]) -> None:
        for record in records:
            topic = self._names.get(record.get("topic", ""), "")
            self.seen.setdefault(topic, set()).add((record.get("partition", -1), record.get("offset", -1)))
