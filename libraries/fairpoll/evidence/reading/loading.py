"""Reads a recording back from its folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fairpoll.base.errors import HistoryError
from fairpoll.contract.events import Event, is_cut_off
from fairpoll.contract.evidence_kinds import Evidence
from fairpoll.contract.output_fields import Fields
from fairpoll.contract.records import DEAD_LETTERS, Partition
from fairpoll.evidence import layout
from fairpoll.evidence.deliveries import Deliveries
from fairpoll.evidence.facts import RunFacts, read_facts
from fairpoll.evidence.history import Committed, ConsumerHistory, Recording
from fairpoll.evidence.reading.dead_letters import read_dead_letters
from fairpoll.evidence.reading.gathering import Gatherer, read_member_events
from fairpoll.evidence.reading.ledger import gather_ledger
from fairpoll.evidence.reading.membership import assigned_at, running_processes, with_assignments
from fairpoll.evidence.reading.numbering import Numbering
from fairpoll.evidence.reading.observed import LineTimes, Observations
from fairpoll.evidence.reading.samples import Samples
from fairpoll.evidence.reading.shared_topics import read_shared_topics
from fairpoll.evidence.reading.strict import read_samples
from fairpoll.evidence.reading.tables import Tables
from fairpoll.evidence.records import Messages
from fairpoll.evidence.retimed import cut_off_after
from fairpoll.evidence.shared import SharedTopics


def load_recording(folder: Path, *, own_times: bool = True) -> Recording:
    """Read a recording back from its folder. Raises HistoryError.

    Without `own_times`, the times that consumers state in observed files are ignored.
    """
    facts = read_facts(folder)
    if facts.start_ms is None:
        raise HistoryError(f"{folder}: the run was cut off before its traffic began; nothing to judge")
    with Tables() as tables:
        reader = _Reader(folder, facts, facts.start_ms / 1000, tables, own_times)
        acked, failed = reader.ledgers()
        recording = Recording(
            folder=folder,
            run_id=facts.run_id,
            scenario=facts.scenario,
            speed=facts.speed,
            acked=acked,
            failed_ids=failed,
            consumers={name: reader.consumer(name, acked) for name in facts.consumers},
            cluster=facts.cluster.description,
            longest_pause_seconds=facts.host.longest_pause_seconds,
            complete=facts.complete,
            log_start=reader.log_start(),
            cut_off=tuple(sorted(name for name in reader.files() if is_cut_off(folder / name))),
            missing=reader.missing(),
            facts=facts,
            shared=reader.shared,
        )
        return recording if facts.complete else cut_off_after(recording, reader.last_look())


@dataclass
class _Reader:
    folder: Path
    facts: RunFacts
    start_seconds: float
    tables: Tables
    own_times: bool

    def missing(self) -> tuple[str, ...]:
        """The missing ledgers of a distributed run."""
        several = self.facts.shards is not None
        return tuple(name for name in self.ledger_of if several and not (self.folder / name).exists())

    def files(self) -> set[str]:
        """The files that are written line by line, relative to the recording's folder."""
        outputs = {topic.output for topic in self.facts.scenario.topics}
        outputs |= {layout.EVENTS, layout.SEEN, DEAD_LETTERS}
        found = (p for p in self.folder.rglob("*") if p.name in outputs)
        consumers = self.facts.consumers
        return {
            *self.ledger_of,
            layout.SAMPLES,
            layout.OBSERVED,
            layout.FOREIGN,
            *map(layout.samples_of, consumers),
            *map(layout.observed_of, consumers),
            *(p.relative_to(self.folder).as_posix() for p in found),
        }

    @cached_property
    def ledger_of(self) -> Mapping[str, str]:
        """Each ledger of the run, with the part that wrote it."""
        if self.facts.shards is None:
            return {layout.LEDGER: ""}
        return {layout.ledger_of(n + 1): layout.producer_name(n + 1) for n in range(self.facts.shards)}

    def time(self, epoch_ms: Any, part: str = "") -> Any:
        """Converts times by this part's clock (epoch ms, one or a column) to scenario seconds."""
        clock = self.facts.clocks.get(part)
        ours = epoch_ms - (clock.offset_ms if clock else 0.0)
        return (ours / 1000 - self.start_seconds) * self.facts.speed

    def _clock(self, part: str) -> Callable[[Any], Any]:
        return lambda epoch_ms: self.time(epoch_ms, part)

    @cached_property
    def numbering(self) -> Numbering:
        partitions = {topic.name: topic.partitions for topic in self.facts.scenario.topics}
        return Numbering(partitions, self._scenario_names)

    def ledgers(self) -> tuple[Messages, frozenset[str]]:
        """All producers' acked messages, and the ids of failed ones.

        Raises HistoryError if two producers sent to one partition.
        """
        if self.facts.shards is None:
            return self._ledger(layout.LEDGER)
        # A missing ledger is reported by the recording, and makes the run inconclusive.
        names = [name for name in self.ledger_of if (self.folder / name).exists()]
        read = {name: self._ledger(name) for name in names}
        whose: dict[Partition, str] = {}
        for name, (acked, _) in read.items():
            for partition, rows in acked.by_partition.items():
                if rows.start < rows.stop and (other := whose.setdefault(partition, name)) != name:
                    named = f"{partition[0]}/{partition[1]}"
                    raise HistoryError(f"{self.folder / name}: has messages of {named}, as {other} has")
        merged = Messages.merged(self.numbering.partitions, [acked for acked, _ in read.values()])
        return merged, frozenset().union(*(failed for _, failed in read.values()))

    def _ledger(self, name: str) -> tuple[Messages, frozenset[str]]:
        time = self._clock(self.ledger_of[name])
        return gather_ledger(self.folder / name, self.facts.run_id, self.numbering, time, self.tables)

    def _samples_paths(self, consumers: Iterable[str]) -> list[tuple[Path, str]]:
        """The files of samples, with the part on whose machine each was taken."""
        apart = [(self.folder / layout.samples_of(name), name) for name in consumers]
        return [(path, part) for path, part in ((self.folder / layout.SAMPLES, ""), *apart) if path.exists()]

    def log_start(self) -> dict[Partition, int]:
        """The first offset that the broker still held at the end, of each partition; empty if unknown."""
        return {
            (o["topic"], o["partition"]): o["offset"]
            for path, _ in self._samples_paths(self.facts.consumers)
            for event in read_samples(path)
            if event["name"] == "log_start"
            for o in self._in_scenario_terms(event)["offsets"]
        }

    def last_look(self) -> float | None:
        """The time of the last sample of each consumer, the earliest of these; None without any file."""
        paths = self._samples_paths(self.facts.consumers)
        last = [max((self.time(e["timestamp"], p) for e in read_samples(f)), default=0.0) for f, p in paths]
        return min(last, default=None)

    def consumer(self, name: str, acked: Messages) -> ConsumerHistory:
        """One consumer's history, from the files of its members and the samples taken from outside.

        Its deliveries are taken from the best evidence there is: its output files, else its events,
        else what its group committed.
        """
        folder = self.folder / name
        folders = [one for one in (folder, folder / layout.SECOND_MEMBER) if one.exists()]
        judged = self.facts.judged.get(name)
        seen_in = judged.seen_in if judged else ""
        names = [layout.SEEN] if seen_in else [topic.output for topic in self.facts.scenario.topics]
        outputs = [one / file for one in folders for file in names if (one / file).exists()]
        times = LineTimes(self._observations(name), self.folder, self._frozen(name), self.own_times)
        gatherer = Gatherer(acked, self.numbering, self._clock(name), self.facts.run_id, self.tables, times)
        gatherer.unreadable.log_on_stdout = bool(judged and judged.log_on_stdout)
        events, reported = self._events(name, folders, gatherer, with_records=not outputs)
        samples = self._samples(name)
        commits = samples.commits
        session_seconds = self.facts.scenario.settings.session_timeout_ms / 1000 * self.facts.speed
        membership = samples.membership(
            running_processes(self.facts, name, self.time), self.facts.speed, session_seconds
        )
        events = with_assignments(events, membership)
        gatherer.assigned = assigned_at(events, self._clock(name))
        if self.facts.drain_ms is not None:
            gatherer.drain = self.time(self.facts.drain_ms)
        if outputs:
            evidence: set[Evidence] = {"records", "contents"}
            evidence |= set() if seen_in else {"places", "lines"}
            fields = Fields(**self.facts.fields.get(name, {}))
            for path in outputs:
                gatherer.output(path, layout.member_of(path.parent), fields)
            unreadable = gatherer.unreadable
            if unreadable.outputs and not gatherer.found.count:
                raise next(line for line in unreadable.first if line.path in outputs).error
            if gatherer.without_content:
                evidence.discard("contents")
        elif reported:
            evidence = {"records", "lines"}
        else:
            evidence = set()
            gatherer.behind_commits(commits)
        if any(event["name"] == "partitions_assigned" for event in events):
            evidence.add("assignments")
        joined = membership.joined if membership else "assignments" in evidence
        evidence |= {"commits"} if commits or joined or samples.source is None else set()
        if samples.memory or any("buffered" in e for event in events for e in event.get("partitions", ())):
            evidence.add("buffers")
        if not (judged and judged.attach):
            evidence.add("processes")
        commits += [
            Committed(event["at"], o["topic"], o["partition"], o["offset"], reported=True)
            for event in events
            if event["name"] == "offsets_committed" and event.get("success") and not samples.every_commit
            for o in event["offsets"]
        ]
        dead_letters = [
            letter
            for one in folders
            for letter in read_dead_letters(
                one, gatherer, self.tables, self._scenario_names, self._clock(name)
            )
            if not self.shared.is_foreign(letter.record_id)
        ]
        foreign = self.shared.leave_out(gatherer.found)
        return ConsumerHistory(
            name,
            Deliveries(acked, gatherer.found),
            [event for event in events if event["name"] != "offsets_committed" or "partitions" in event],
            sorted(
                (c for c in commits if self.shared.is_of_run((c.topic, c.partition), c.offset)),
                key=lambda commit: commit.at,
            ),
            samples.final and {p: o for p, o in samples.final.items() if self.shared.is_of_run(p, o)},
            dead_letters,
            sorted(samples.memory),
            samples.cpu_seconds,
            frozenset(evidence),
            gatherer.unreadable,
            times.stamps,
            samples.source,
            membership.observed() if membership else None,
            seen_in,
            foreign,
        )

    def _observations(self, consumer: str) -> Observations:
        """What was observed of this consumer's files, on whichever machine."""
        apart = self.folder / layout.observed_of(consumer)
        return Observations(apart) if apart.exists() else self._observed_here

    def _frozen(self, consumer: str) -> list[tuple[float, float]]:
        """When the host's pauses or an injected fault kept this consumer from writing, by its own clock."""
        clock = self.facts.clocks.get(consumer)
        offset = clock.offset_ms if clock else 0.0
        spans = [(p.from_ms, p.until_ms) for p in self.facts.host.pauses if p.part in ("", consumer)]
        spans += [(f.from_ms, f.until_ms) for f in self.facts.faults if f.target in ("consumer", "output")]
        return [(since + offset, until + offset) for since, until in spans]

    @cached_property
    def _observed_here(self) -> Observations:
        return Observations(self.folder / layout.OBSERVED)

    def _events(
        self, consumer: str, folders: Sequence[Path], gatherer: Gatherer, *, with_records: bool
    ) -> tuple[list[Event], bool]:
        """The members' events in the order of time, without deliveries, and whether they reported deliveries.

        The gatherer takes the deliveries if these are the evidence of records; then raises HistoryError if no
        line of any member can be read.
        """
        events: list[Event] = []
        any_reported = False
        for folder in folders:
            path, member = folder / layout.EVENTS, layout.member_of(folder)
            if path.exists():
                read, reported = read_member_events(
                    path, member, self.tables, self.numbering, gatherer, with_records=with_records
                )
                any_reported = any_reported or reported
                events += [{**self._in_scenario_terms(event, consumer), "member": member} for event in read]
        if gatherer.unreadable.events and with_records and not (events or any_reported):
            raise gatherer.unreadable.first[0].error
        return sorted(events, key=lambda event: event["at"]), any_reported

    @cached_property
    def shared(self) -> SharedTopics:
        return read_shared_topics(self.folder, self.facts, self._scenario_names)

    def _samples(self, consumer: str) -> Samples:
        """What the harness observed of this consumer."""
        found = Samples()
        for path, part in self._samples_paths([consumer]):
            for raw in read_samples(path):
                if raw.get("consumer") == consumer:
                    found.take(self._in_scenario_terms(raw, part))
        return found

    @cached_property
    def _scenario_names(self) -> Mapping[str, str]:
        return {on_cluster: topic for topic, on_cluster in self.facts.topics.items()}

    def _in_scenario_terms(self, event: Event, part: str = "") -> Event:
        """The event of this part with `at` in scenario seconds and the scenario's topic names."""
        translated: Event = {**event, "at": self.time(event["timestamp"], part)}
        for key in ("partitions", "records", "offsets"):
            if key in event:
                translated[key] = [
                    {**item, "topic": self._scenario_names.get(item["topic"], item["topic"])}
                    for item in event[key]
                ]
        return translated
