"""run.json, parsed once: everything that a run records about itself."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from fairpoll.base.errors import HistoryError
from fairpoll.base.text import quoted
from fairpoll.base.typed import typed
from fairpoll.contract.subject import JudgedConsumer
from fairpoll.evidence import layout
from fairpoll.producer.shards import MOST_SHARDS
from fairpoll.scenarios.model import Scenario
from fairpoll.scenarios.rules import MOST_PARTITIONS

LONGEST_NAME_BYTES = 200


@dataclass(frozen=True)
class Cluster:
    """The `description` has kind, version and number of brokers."""

    description: str


@dataclass(frozen=True)
class HostPause:
    """The host did not run its processes from `from_ms` to `until_ms`.

    `part` is the consumer on whose machine that was; empty for a run on one machine.
    """

    from_ms: float
    until_ms: float
    part: str = ""


@dataclass(frozen=True)
class Host:
    """`pauses` is empty in recordings of earlier versions, which have only the length of the longest one."""

    longest_pause_seconds: float = 0.0
    pauses: tuple[HostPause, ...] = ()


@dataclass(frozen=True)
class Step:
    """A step of the timeline when it was done.

    `waited_for` has the consumers whose assignments delayed it, or a step before it; earlier versions did not
    record them.
    """

    at_ms: float
    verb: str
    rate: float | None
    waited_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaultFacts:
    """A fault that was injected into `target`, a broker or a consumer, and by which words."""

    target: str
    what: str
    from_ms: float
    until_ms: float


@dataclass(frozen=True)
class LeftProcess:
    """A process that a consumer had left running when it was stopped, by its id and its command line."""

    pid: int
    command: str


@dataclass(frozen=True)
class Process:
    """A process of a consumer. `member` is 1 for the first member and its successors, 2 for the second.

    `exit_code` is the signal's number, negative, if a signal ended it. `terminated_ms` and `killed_ms` are
    the times at which Fairpoll sent SIGTERM and SIGKILL, None if it did not. A process is `excused` if it
    ended during a fault that was injected into it. `last_output` has its last lines if it ended on its
    own, else those of its standard error before it was stopped; earlier versions recorded only the former.
    `group_ended_ms` is the end of the last process of its process group, and `left` has the processes that it
    left running outside of that group; earlier versions recorded neither. It is `restarted` if it ended on
    its own and RESTART asked for its successor.
    """

    consumer: str
    member: int
    pid: int
    started_ms: float
    ended_ms: float | None = None
    exit_code: int | None = None
    terminated_ms: float | None = None
    killed_ms: float | None = None
    excused: bool = False
    last_output: str = ""
    group_ended_ms: float | None = None
    left: tuple[LeftProcess, ...] = ()
    restarted: bool = False

    @property
    def member_folder(self) -> str:
        """The folder of its member within the consumer's, "" for the first member: its name in evidence."""
        return layout.SECOND_MEMBER if self.member > 1 else ""

    @property
    def over_ms(self) -> float | None:
        """The end of its whole process group, None if that was not seen."""
        return self.ended_ms if self.group_ended_ms is None else self.group_ended_ms

    @property
    def died(self) -> bool:
        """Whether it ended without SIGTERM or SIGKILL from Fairpoll."""
        asked = self.terminated_ms is not None or self.killed_ms is not None
        return self.ended_ms is not None and not asked

    @property
    def ended_on_its_own(self) -> bool:
        """Whether it died without a fault from Fairpoll."""
        return self.died and not self.excused


@dataclass(frozen=True)
class ClockOffset:
    """A part's clock shows `offset_ms` more than the broker's, `error_ms` more or less."""

    offset_ms: float
    error_ms: float


@dataclass(frozen=True)
class RunFacts:
    """The contents of run.json. Times ending in `_ms` are milliseconds since the epoch.

    All consumers had their partitions at `assigned_ms`. The traffic took from `start_ms` to `end_ms`, the
    drain from `drain_ms` to `drained_ms`, and all consumers had stopped at `stopped_ms`. Without `start_ms`,
    the run was cut off before its traffic began, without `drained_ms` before its drain ended. `topics` and
    `groups` map the scenario's topics and the consumers to their names on the cluster; `fields` maps
    consumers to declared fields.
    `waits_since` is `ack` if messages wait from their ack on; recordings of earlier versions, which do not
    have it, count from the due time. `drain` is the reason if the drain was cut off.
    `brokers_session` has the consumers whose groups have the broker's session timeout and heartbeat interval
    in the consumer protocol. `begin` has the topics that existed before the run, with the end of each
    partition's log before it; what others write to them is not judged. `foreign` is the reason if these were
    not read after the run, so that others' messages are not known. `shards`, `clocks` (by machine part) and
    `incomplete` (a reason) exist for runs spread over machines.
    """

    run_id: str
    scenario: Scenario
    speed: float
    cluster: Cluster
    topics: dict[str, str]
    consumers: tuple[str, ...]
    groups: dict[str, str] = field(default_factory=dict)
    assigned_ms: float | None = None
    waits_since: str = "due"
    start_ms: float | None = None
    end_ms: float | None = None
    drain_ms: float | None = None
    drain: str = ""
    drained_ms: float | None = None
    stopped_ms: float | None = None
    complete: bool = False
    host: Host = field(default_factory=Host)
    timeline: tuple[Step, ...] = ()
    faults: tuple[FaultFacts, ...] = ()
    processes: tuple[Process, ...] = ()
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    shards: int | None = None
    clocks: dict[str, ClockOffset] = field(default_factory=dict)
    incomplete: str = ""
    brokers_session: tuple[str, ...] = ()
    judged: dict[str, JudgedConsumer] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    begin: dict[str, tuple[int, ...]] = field(default_factory=dict)
    foreign: str = ""


def read_facts(folder: Path) -> RunFacts:
    """The facts of the recording in this folder. Raises HistoryError, which names the field that is wrong."""
    path = folder / layout.RUN
    if folder.exists() and not folder.is_dir():
        raise HistoryError(f"{folder}: is not a folder; a recording is one")
    try:
        facts: RunFacts = typed(RunFacts, json.loads(path.read_text("utf-8")), "")
        _check(facts)
    except FileNotFoundError:
        raise HistoryError(f"{folder}: no run.json in it; this is not a recording") from None
    except OSError as error:
        raise HistoryError(f"{path}: cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise HistoryError(f"{path}: not JSON: {error}") from None
    except UnicodeDecodeError as error:
        raise HistoryError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise HistoryError(f"{path}: nested too deep") from None
    except ValueError as error:
        raise HistoryError(f"{path}: {error}") from None
    return facts


def _check(facts: RunFacts) -> None:
    """Raise ValueError for values that have the right type and still cannot have been run."""
    scenario, topics = facts.scenario, facts.scenario.topics
    if not (facts.speed > 0 and scenario.duration_seconds > 0):
        raise ValueError("the run has a speed or a duration that is not above 0")
    if facts.shards is not None and not 1 <= facts.shards <= MOST_SHARDS:
        raise ValueError(f"the run has {facts.shards} shards, it may have 1 to {MOST_SHARDS:,}")
    if any(clock.error_ms < 0 for clock in facts.clocks.values()):
        raise ValueError("the run has a clock with an error below 0")
    if sum(topic.partitions for topic in topics) > MOST_PARTITIONS:
        raise ValueError(f"the run has more than {MOST_PARTITIONS:,} partitions")
    for topic in topics:
        if topic.name not in facts.topics:
            raise ValueError(f"the run.topics has no {quoted(topic.name)}")
        if min(topic.partitions, topic.traffic.messages, topic.traffic.interval_seconds) <= 0:
            raise ValueError(f"topic {quoted(topic.name)} has partitions or traffic that are not above 0")
    for name in (*facts.consumers, *(topic.output for topic in topics)):
        # File systems take at most 255 bytes; to look for a longer name would be an error of the system.
        too_long = len(name.encode(errors="surrogatepass")) > LONGEST_NAME_BYTES
        if too_long or Path(name).name != name or "\0" in name:
            raise ValueError(f"{quoted(name)} is not the name of a file")
