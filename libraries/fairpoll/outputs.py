"""Counts what the consumers have delivered so far, from the best evidence that each of them leaves."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from fairpoll.events import Event, Tail
from fairpoll.fields import Fields
from fairpoll.layout import EVENTS, SAMPLES, SECOND_MEMBER
from fairpoll.scenario import Scenario

Counts = dict[str, dict[str, int]]


class DeliveryCounter:
    """Different records delivered by each consumer, as its output files, its events or its commits say.

    `places` maps a consumer's name to its folder and to where its lines have what, `topic_names` the
    scenario's topics to the cluster's.
    """

    def __init__(
        self,
        recording: Path,
        scenario: Scenario,
        places: Mapping[str, tuple[Path, Fields]],
        topic_names: Mapping[str, str],
    ) -> None:
        self._volume_of = {topic_names[topic.name]: topic.volume for topic in scenario.topics}
        # An id tells the scenario's name of its topic.
        self._volume_of |= {topic.name: topic.volume for topic in scenario.topics}
        self._volumes = list(dict.fromkeys(self._volume_of.values()))
        self._consumers = {
            name: _Delivered(folder, fields, [topic.output for topic in scenario.topics], self._volume_of)
            for name, (folder, fields) in places.items()
        }
        self._samples = Tail(recording / SAMPLES)
        self._committed: Counts = {}

    def count(self) -> Counts:
        """Consumer -> volume -> different records, up to now."""
        for sample in self._samples.read():
            if sample.get("name") == "committed_offsets":
                self._committed[sample["consumer"]] = self._summed(sample)
        nothing = dict.fromkeys(self._volumes, 0)
        return {
            name: {**nothing, **(delivered.count() or self._committed.get(name, {}))}
            for name, delivered in self._consumers.items()
        }

    def _summed(self, sample: Event) -> dict[str, int]:
        counts: dict[str, int] = {}
        for o in sample["offsets"]:
            volume = self._volume_of.get(o["topic"], "")
            counts[volume] = counts.get(volume, 0) + o["offset"]
        return counts

    def totals(self) -> dict[str, int]:
        """Consumer -> different records, up to now."""
        return {name: sum(by_volume.values()) for name, by_volume in self.count().items()}

    def told(self) -> str:
        """The counts as people read them: `sync: high 1,163, low 0; async: ...`."""
        return "; ".join(
            f"{name}: " + ", ".join(f"{volume} {number:,}" for volume, number in by_volume.items())
            for name, by_volume in self.count().items()
        )


class _Delivered:
    """The records of one consumer, of its output files, or of its events while it has no such files."""

    def __init__(
        self, folder: Path, fields: Fields, outputs: list[str], volume_of: Mapping[str, str]
    ) -> None:
        places = (folder, folder / SECOND_MEMBER)
        self._outputs = [Tail(place / output) for place in places for output in outputs]
        self._events = [Tail(place / EVENTS) for place in places]
        self._fields = fields
        self._volume_of = volume_of
        self._seen: dict[str, set[tuple[str, int | str, int]]] = {}

    def count(self) -> dict[str, int]:
        if any(tail.path.exists() for tail in self._outputs):
            for tail in self._outputs:
                self._add(map(self._in_our_fields, tail.read()))
        else:
            for tail in self._events:
                for event in tail.read():
                    if event.get("name") == "records_consumed":
                        self._add(event.get("records", []))
        return {volume: len(spots) for volume, spots in self._seen.items()}

    def _in_our_fields(self, line: Event) -> Event:
        """What cannot be read is counted nowhere; the judge reads the file again, strictly."""
        try:
            read = self._fields.read(line)
        except (KeyError, ValueError):
            return {}
        if self._fields.id:
            _, topic, sequence = f"{read['id']}::".split(":", 2)
            return {"topic": topic, "partition": sequence, "offset": 0}
        return read

    def _add(self, records: Iterable[Event]) -> None:
        for one in records:
            spot = (one.get("topic", ""), one.get("partition", -1), one.get("offset", -1))
            self._seen.setdefault(self._volume_of.get(spot[0], ""), set()).add(spot)
