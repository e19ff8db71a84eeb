"""Reads a recording back from its folder."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fairpoll.base.errors import HistoryError
from fairpoll.contract.events import Event, is_cut_off
from fairpoll.contract.output_fields import Fields
from fairpoll.contract.records import DEAD_LETTERS, Partition
from fairpoll.evidence import layout
from fairpoll.evidence.bulk import Reader, records_spelling
from fairpoll.evidence.deliveries import Deliveries
from fairpoll.evidence.gathering import Gatherer, Places, content_of, gather_ledger
from fairpoll.evidence.history import Committed, ConsumerHistory, Evidence, Recording
from fairpoll.evidence.records import Delivered, Messages, Spot
from fairpoll.evidence.strict import check_event, read_consumer_events, read_facts, read_output
from fairpoll.scenarios.model import Scenario


def load_recording(folder: Path) -> Recording:
    """Read a recording back from its folder. Raises HistoryError."""
    facts = read_facts(folder)
    start = facts.get("start_ms")
    if start is None:
        raise HistoryError(f"{folder}: the run was cut off before its traffic began; nothing to judge")
    scenario = Scenario.from_json(facts["scenario"])
    reader = _Reader(
        folder,
        facts["run_id"],
        scenario,
        facts["topics"],
        start / 1000,
        facts["speed"],
        facts.get("fields", {}),
        facts.get("shards"),
        {part: clock["offset_ms"] for part, clock in facts.get("clocks", {}).items()},
    )
    acked, failed = reader.ledgers()
    return Recording(
        folder=folder,
        run_id=facts["run_id"],
        scenario=scenario,
        speed=facts["speed"],
        acked=acked,
        failed_ids=failed,
        consumers={name: reader.consumer(name, acked) for name in facts["consumers"]},
        cluster=facts["cluster"]["description"],
        longest_pause_seconds=facts.get("host", {}).get("longest_pause_seconds", 0.0),
        complete=facts.get("complete", False),
        log_start=reader.log_start(facts["consumers"]),
        cut_off=tuple(sorted(name for name in reader.files() if is_cut_off(folder / name))),
        missing=tuple(name for name in reader.ledger_of if not (folder / name).exists())
        if reader.shards
        else (),
        facts=facts,
    )


@dataclass
class _Reader:
    folder: Path
    run_id: str
    scenario: Scenario
    topic_names: Mapping[str, str]
    start_seconds: float
    speed: float
    # Of each consumer whose output is not spelled as ours: where a line has what.
    fields: Mapping[str, Mapping[str, str]]
    # How many producers shared the traffic; None for a run in one place, with one ledger.
    shards: int | None = None
    # By how much the clock of each part was ahead of the one that the start is told in.
    clock_offsets_ms: Mapping[str, float] = field(default_factory=dict)

    def files(self) -> set[str]:
        """The files that are written line by line, from the recording's folder on."""
        outputs = {topic.output for topic in self.scenario.topics} | {layout.EVENTS, DEAD_LETTERS}
        found = (p for p in self.folder.rglob("*") if p.name in outputs)
        return {*self.ledger_of, layout.SAMPLES, *(p.relative_to(self.folder).as_posix() for p in found)}

    @cached_property
    def ledger_of(self) -> Mapping[str, str]:
        """Each ledger of the run, and the part that wrote it."""
        if self.shards is None:
            return {layout.LEDGER: ""}
        return {layout.ledger_of(n + 1): layout.producer_name(n + 1) for n in range(self.shards)}

    def time(self, epoch_ms: Any, part: str = "") -> Any:
        """Scenario seconds, of one time or of a column of them, by the clock of this part."""
        told = epoch_ms - self.clock_offsets_ms.get(part, 0.0)
        return (told / 1000 - self.start_seconds) * self.speed

    def _clock(self, part: str) -> Callable[[Any], Any]:
        return lambda epoch_ms: self.time(epoch_ms, part)

    @cached_property
    def places(self) -> Places:
        return Places(self._partitions, self._scenario_names)

    @cached_property
    def _partitions(self) -> Mapping[str, int]:
        return {topic.name: topic.partitions for topic in self.scenario.topics}

    def ledgers(self) -> tuple[Messages, frozenset[str]]:
        """What all producers got acked, and failed to. Raises HistoryError where two had one partition."""
        if self.shards is None:
            return self._ledger(layout.LEDGER)
        # One that is not there is told with the recording: it makes the run inconclusive.
        names = [name for name in self.ledger_of if (self.folder / name).exists()]
        read = {name: self._ledger(name) for name in names}
        whose: dict[Partition, str] = {}
        for name, (acked, _) in read.items():
            for spot in (spot for spot, rows in acked.by_partition.items() if rows.stop > rows.start):
                if whose.setdefault(spot, name) != name:
                    raise HistoryError(
                        f"{self.folder / name}: has messages of {spot[0]}/{spot[1]}, as {whose[spot]} has"
                    )
        merged = Messages.merged(self.places.partitions, [acked for acked, _ in read.values()])
        return merged, frozenset().union(*(failed for _, failed in read.values()))

    def _ledger(self, name: str) -> tuple[Messages, frozenset[str]]:
        time = self._clock(self.ledger_of[name])
        return gather_ledger(self.folder / name, self.run_id, self._partitions, time)

    def _samples_paths(self, consumers: Iterable[str]) -> list[tuple[Path, str]]:
        """The files of what was seen from outside, and the part whose machine it was seen on."""
        apart = [(self.folder / layout.samples_of(name), name) for name in consumers]
        return [(path, part) for path, part in ((self.folder / layout.SAMPLES, ""), *apart) if path.exists()]

    def log_start(self, consumers: Iterable[str]) -> dict[Partition, int]:
        """The first offset that the broker still held at the end, of each partition; empty if unknown."""
        return {
            (o["topic"], o["partition"]): o["offset"]
            for path, _ in self._samples_paths(consumers)
            for event in read_consumer_events(path)
            if event["name"] == "log_start"
            for o in self._in_scenario_terms(event)["offsets"]
        }

    def consumer(self, name: str, acked: Messages) -> ConsumerHistory:
        """All that one consumer's members left, and what was seen of them from outside.

        Its deliveries are taken from the best evidence there is: its output files, else its events,
        else what its group committed.
        """
        folder = self.folder / name
        places = [place for place in (folder, folder / layout.SECOND_MEMBER) if place.exists()]
        outputs = [place / topic.output for place in places for topic in self.scenario.topics]
        outputs = [path for path in outputs if path.exists()]
        gatherer = Gatherer(acked, self.places, self._clock(name))
        events, told = self._events(name, places, None if outputs else gatherer)
        commits, final, memory = self._samples(name)
        if outputs:
            evidence: set[Evidence] = {"records", "contents", "places"}
            fields = Fields(**self.fields.get(name, {}))
            ids = self._ids(acked) if fields.id else {}
            for path in outputs:
                gatherer.output(path, _member(path.parent), fields, ids)
            if gatherer.untold:
                evidence.discard("contents")
        elif told:
            evidence = {"records"}
        else:
            evidence = set()
            gatherer.behind_commits(commits)
        if any(event["name"] == "partitions_assigned" for event in events):
            evidence.add("assignments")
        commits += [
            Committed(event["at"], o["topic"], o["partition"], o["offset"])
            for event in events
            if event["name"] == "offsets_committed" and event.get("success")
            for o in event["offsets"]
        ]
        return ConsumerHistory(
            name,
            Deliveries(acked, gatherer.found),
            [event for event in events if event["name"] != "offsets_committed" or "partitions" in event],
            sorted(commits, key=lambda commit: commit.at),
            final,
            [record for place in places for record in self._dead_letters(name, place)],
            memory,
            frozenset(evidence),
        )

    def _ids(self, acked: Messages) -> dict[str, Spot]:
        """Where each acked message stands, by its id."""
        return {f"{self.run_id}:{m.topic}:{m.sequence}": m.spot for m in acked}

    def _dead_letters(self, consumer: str, folder: Path) -> Iterator[Delivered]:
        path = folder / DEAD_LETTERS
        for line in read_output(path) if path.exists() else ():
            value = line.get("value")
            body = value if isinstance(value, dict) else {}
            yield Delivered(
                topic=self._scenario_names.get(line["topic"], line["topic"]),
                partition=line["partition"],
                offset=line["offset"],
                at=self.time(line["delivered_ms"], consumer),
                message_id=str(line.get("id") or body.get("id", "")),
                checksum=content_of(value),
                output=path.name,
                member=_member(folder),
            )

    def _events(
        self, consumer: str, folders: Sequence[Path], gatherer: Gatherer | None
    ) -> tuple[list[Event], bool]:
        """What the members said, in the order of time, without what they delivered; and if they said that.

        What they delivered goes to the gatherer, if there is one.
        """
        events: list[Event] = []
        told = False
        for folder in folders:
            path, member = folder / layout.EVENTS, _member(folder)
            reader = Reader(path, check_event, records_spelling)
            for lines in reader if path.exists() else ():
                consumed = [
                    (row, event) for row, event in lines.events if event["name"] == "records_consumed"
                ]
                told = told or bool(lines.batches or consumed)
                if gatherer:
                    gatherer.events(lines.batches, reader.names.known, consumed, member)
                events += [
                    {**self._in_scenario_terms(event, consumer), "member": member}
                    for _, event in lines.events
                    if event["name"] != "records_consumed" or "partitions" in event
                ]
        return sorted(events, key=lambda event: event["at"]), told

    def _samples(self, consumer: str) -> tuple[list[Committed], dict[Partition, int] | None, int]:
        """Commits seen from outside, those of the last look, and the most memory seen (bytes)."""
        commits: list[Committed] = []
        final: dict[Partition, int] | None = None
        memory = 0
        for path, part in self._samples_paths([consumer]):
            seen = (raw for raw in read_consumer_events(path) if raw.get("consumer") == consumer)
            for event in (self._in_scenario_terms(raw, part) for raw in seen):
                memory = max(memory, event.get("rss_bytes", 0))
                offsets = event.get("offsets", ())
                commits += [Committed(event["at"], o["topic"], o["partition"], o["offset"]) for o in offsets]
                if event.get("final"):
                    final = {(o["topic"], o["partition"]): o["offset"] for o in offsets}
        return commits, final, memory

    @cached_property
    def _scenario_names(self) -> Mapping[str, str]:
        return {on_cluster: topic for topic, on_cluster in self.topic_names.items()}

    def _in_scenario_terms(self, event: Event, part: str = "") -> Event:
        """The event of this part with `at` in scenario seconds and the scenario's topic names."""
        translated: Event = {**event, "at": self.time(event["timestamp"], part)}
        for key in ("partitions", "records", "offsets"):
            if key in event:
                translated[key] = [
                    {**spot, "topic": self._scenario_names.get(spot["topic"], spot["topic"])}
                    for spot in event[key]
                ]
        return translated


def _member(folder: Path) -> str:
    """The member whose files these are; the first has no name."""
    return folder.name if folder.name == layout.SECOND_MEMBER else ""
