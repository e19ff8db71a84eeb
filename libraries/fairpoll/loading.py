"""Reads a recording back from its folder."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fairpoll import layout
from fairpoll.errors import HistoryError
from fairpoll.events import Event, is_cut_off
from fairpoll.evidence import read_consumer_events, read_facts, read_ledger, read_output
from fairpoll.fields import OUR_FIELDS, Fields
from fairpoll.history import Acked, Committed, ConsumerHistory, Delivered, Evidence, Partition, Recording
from fairpoll.messages import checksum_of
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
        outputs = {topic.output for topic in self.scenario.topics} | {layout.EVENTS, layout.DEAD_LETTERS}
        found = (p for p in self.folder.rglob("*") if p.name in outputs)
        return {*self.ledger_of, layout.SAMPLES, *(p.relative_to(self.folder).as_posix() for p in found)}

    @cached_property
    def ledger_of(self) -> Mapping[str, str]:
        """Each ledger of the run, and the part that wrote it."""
        if self.shards is None:
            return {layout.LEDGER: ""}
        return {layout.ledger_of(n + 1): layout.producer_name(n + 1) for n in range(self.shards)}

    def time(self, epoch_ms: float, part: str = "") -> float:
        """A moment by the clock of this part, in scenario seconds."""
        told = epoch_ms - self.clock_offsets_ms.get(part, 0.0)
        return (told / 1000 - self.start_seconds) * self.speed

    def ledgers(self) -> tuple[list[Acked], frozenset[str]]:
        """What all producers got acked, and failed to. Raises HistoryError where two had one partition."""
        if self.shards is None:
            return self._ledger(layout.LEDGER, "")
        acked: list[Acked] = []
        failed: frozenset[str] = frozenset()
        whose: dict[Partition, str] = {}
        for name, part in self.ledger_of.items():
            if not (self.folder / name).exists():
                continue  # told with the recording: it makes the run inconclusive
            more, lost = self._ledger(name, part)
            for message in more:
                spot = (message.topic, message.partition)
                if whose.setdefault(spot, name) != name:
                    raise HistoryError(
                        f"{self.folder / name}: has messages of {spot[0]}/{spot[1]}, as {whose[spot]} has"
                    )
            acked, failed = acked + more, failed | lost
        return sorted(acked, key=lambda message: message.sent), failed

    def _ledger(self, name: str, part: str) -> tuple[list[Acked], frozenset[str]]:
        partitions = {topic.name: topic.partitions for topic in self.scenario.topics}
        acked: list[Acked] = []
        failed: set[str] = set()
        for event in read_ledger(self.folder / name, self.run_id, partitions):
            match event["name"]:
                case "producer_send_success":
                    acked.append(
                        Acked(
                            topic=event["topic"],
                            partition=event["partition"],
                            offset=event["offset"],
                            sequence=event["sequence"],
                            intended=self.time(event["intended_ms"], part),
                            sent=self.time(event["sent_ms"], part),
                            backlog=event["batch"] < 0,
                            checksum=event["checksum"],
                            poison=event.get("poison", False),
                            acked=self.time(event["timestamp"], part),
                        )
                    )
                case "producer_send_error":
                    failed.add(f"{self.run_id}:{event['topic']}:{event['sequence']}")
        return acked, frozenset(failed)

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

    def consumer(self, name: str, acked: Sequence[Acked]) -> ConsumerHistory:
        """All that one consumer's members left, and what was seen of them from outside.

        Its deliveries are taken from the best evidence there is: its output files, else its events,
        else what its group committed.
        """
        folder = self.folder / name
        places = [place for place in (folder, folder / layout.SECOND_MEMBER) if place.exists()]
        outputs = [(place, t.output) for place in places for t in self.scenario.topics]
        events = [event for place in places for event in self._events(name, place)]
        events.sort(key=lambda event: event["at"])
        commits, final, memory = self._samples(name)
        if any((place / output).exists() for place, output in outputs):
            evidence: set[Evidence] = {"records", "contents", "places"}
            fields = Fields(**self.fields.get(name, {}))
            ids = self._places(acked) if fields.id else None
            files = (self._file(name, place, output, fields, ids) for place, output in outputs)
            delivered = [record for file in files for record in file]
            if any(record.checksum is None for record in delivered):
                evidence.discard("contents")
        elif any(event["name"] == "records_consumed" for event in events):
            evidence = {"records"}
            delivered = [record for event in events for record in _told(event)]
        else:
            evidence = set()
            delivered = list(_behind_commits(acked, commits))
        if any(event["name"] == "partitions_assigned" for event in events):
            evidence.add("assignments")
        for event in events:
            if event["name"] == "offsets_committed" and event.get("success"):
                commits += [
                    Committed(event["at"], o["topic"], o["partition"], o["offset"]) for o in event["offsets"]
                ]
        return ConsumerHistory(
            name,
            sorted(delivered, key=lambda record: record.at),
            events,
            sorted(commits, key=lambda commit: commit.at),
            final,
            [record for place in places for record in self._file(name, place, layout.DEAD_LETTERS)],
            memory,
            frozenset(evidence),
        )

    def _places(self, acked: Sequence[Acked]) -> dict[str, tuple[str, int, int]]:
        """Where each acked message stands, by its id."""
        return {f"{self.run_id}:{m.topic}:{m.sequence}": m.spot for m in acked}

    def _file(
        self,
        consumer: str,
        folder: Path,
        name: str,
        fields: Fields = OUR_FIELDS,
        places: Mapping[str, tuple[str, int, int]] | None = None,
    ) -> Iterator[Delivered]:
        """The records of one output file; a file that is not there has none."""
        path = folder / name
        if not path.exists():
            return
        for line in read_output(path, fields, places):
            value = line.get("value")
            told = "value" in line or fields == OUR_FIELDS
            body = value if isinstance(value, dict) else {}
            topic = str(line["topic"])
            yield Delivered(
                topic=self._scenario_names.get(topic, topic),
                partition=line["partition"],
                offset=line["offset"],
                at=self.time(line["delivered_ms"], consumer),
                message_id=str(line.get("id") or body.get("id", "")),
                checksum=_checksum(value) if told else None,
                output=name,
                member=folder.name if folder.name == layout.SECOND_MEMBER else "",
            )

    def _events(self, consumer: str, folder: Path) -> Iterator[Event]:
        path = folder / layout.EVENTS
        member = folder.name if folder.name == layout.SECOND_MEMBER else ""
        for event in read_consumer_events(path) if path.exists() else ():
            yield {**self._in_scenario_terms(event, consumer), "member": member}

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


def _checksum(value: object) -> int:
    """Of a message's body as it was written; of anything else, of its text."""
    if isinstance(value, dict) and value:
        return checksum_of(value)
    return zlib.crc32(str(value).encode(errors="surrogatepass"))


def _told(event: Event) -> Iterator[Delivered]:
    """The records that an event says were delivered; of any other event, none."""
    if event["name"] != "records_consumed":
        return
    for spot in event["records"]:
        yield Delivered(
            spot["topic"], spot["partition"], spot["offset"], event["at"], "", 0, "", event["member"]
        )


def _behind_commits(acked: Sequence[Acked], commits: Sequence[Committed]) -> Iterator[Delivered]:
    """Each acked message as delivered when an offset beyond it was first seen to be committed."""
    messages: dict[Partition, list[Acked]] = defaultdict(list)
    for message in sorted(acked, key=lambda m: m.offset, reverse=True):
        messages[(message.topic, message.partition)].append(message)
    for commit in sorted(commits, key=lambda c: c.at):
        waiting = messages[(commit.topic, commit.partition)]
        while waiting and waiting[-1].offset < commit.offset:
            m = waiting.pop()
            yield Delivered(m.topic, m.partition, m.offset, commit.at, "", m.checksum, "")
