"""Reads a recording back from its folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fairpoll import layout
from fairpoll.bulk import Reader, records_spelling
from fairpoll.deliveries import Deliveries
from fairpoll.errors import HistoryError
from fairpoll.events import Event, is_cut_off
from fairpoll.evidence import check_event, read_consumer_events, read_facts, read_output
from fairpoll.fields import Fields
from fairpoll.gathering import Gatherer, Places, content_of, gather_ledger
from fairpoll.history import Committed, ConsumerHistory, Evidence, Recording
from fairpoll.records import Delivered, Messages, Partition, Spot
from fairpoll.scenario import Scenario


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
    )
    acked, failed = reader.ledger()
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
        log_start=reader.log_start(),
        cut_off=tuple(sorted(name for name in reader.files() if is_cut_off(folder / name))),
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

    def files(self) -> set[str]:
        """The files that are written line by line, from the recording's folder on."""
        outputs = {topic.output for topic in self.scenario.topics} | {layout.EVENTS, layout.DEAD_LETTERS}
        found = (p for p in self.folder.rglob("*") if p.name in outputs)
        return {layout.LEDGER, layout.SAMPLES, *(p.relative_to(self.folder).as_posix() for p in found)}

    def time(self, epoch_ms: Any) -> Any:
        """Scenario seconds, of one time or of a column of them."""
        return (epoch_ms / 1000 - self.start_seconds) * self.speed

    @cached_property
    def places(self) -> Places:
        partitions = {topic.name: topic.partitions for topic in self.scenario.topics}
        return Places(partitions, self._scenario_names)

    def ledger(self) -> tuple[Messages, frozenset[str]]:
        partitions = {topic.name: topic.partitions for topic in self.scenario.topics}
        return gather_ledger(self.folder / layout.LEDGER, self.run_id, partitions, self.time)

    def log_start(self) -> dict[Partition, int]:
        """The first offset that the broker still held at the end, of each partition; empty if unknown."""
        path = self.folder / layout.SAMPLES
        return {
            (o["topic"], o["partition"]): o["offset"]
            for event in (read_consumer_events(path) if path.exists() else ())
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
        gatherer = Gatherer(acked, self.places, self.time)
        events, told = self._events(places, None if outputs else gatherer)
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
            [record for place in places for record in self._dead_letters(place)],
            memory,
            frozenset(evidence),
        )

    def _ids(self, acked: Messages) -> dict[str, Spot]:
        """Where each acked message stands, by its id."""
        return {f"{self.run_id}:{m.topic}:{m.sequence}": m.spot for m in acked}

    def _dead_letters(self, folder: Path) -> Iterator[Delivered]:
        path = folder / layout.DEAD_LETTERS
        for line in read_output(path) if path.exists() else ():
            value = line.get("value")
            body = value if isinstance(value, dict) else {}
            yield Delivered(
                topic=self._scenario_names.get(line["topic"], line["topic"]),
                partition=line["partition"],
                offset=line["offset"],
                at=self.time(line["delivered_ms"]),
                message_id=str(line.get("id") or body.get("id", "")),
                checksum=content_of(value),
                output=path.name,
                member=_member(folder),
            )

    def _events(self, folders: Sequence[Path], gatherer: Gatherer | None) -> tuple[list[Event], bool]:
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
                    {**self._in_scenario_terms(event), "member": member}
                    for _, event in lines.events
                    if event["name"] != "records_consumed" or "partitions" in event
                ]
        return sorted(events, key=lambda event: event["at"]), told

    def _samples(self, consumer: str) -> tuple[list[Committed], dict[Partition, int] | None, int]:
        """Commits seen from outside, those of the last look, and the most memory seen (bytes)."""
        path = self.folder / layout.SAMPLES
        commits: list[Committed] = []
        final: dict[Partition, int] | None = None
        memory = 0
        for raw in read_consumer_events(path) if path.exists() else ():
            if raw.get("consumer") != consumer:
                continue
            event = self._in_scenario_terms(raw)
            memory = max(memory, event.get("rss_bytes", 0))
            offsets = event.get("offsets", ())
            commits += [Committed(event["at"], o["topic"], o["partition"], o["offset"]) for o in offsets]
            if event.get("final"):
                final = {(o["topic"], o["partition"]): o["offset"] for o in offsets}
        return commits, final, memory

    @cached_property
    def _scenario_names(self) -> Mapping[str, str]:
        return {on_cluster: topic for topic, on_cluster in self.topic_names.items()}

    def _in_scenario_terms(self, event: Event) -> Event:
        """The event with `at` in scenario seconds and the scenario's topic names."""
        translated: Event = {**event, "at": self.time(event["timestamp"])}
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
