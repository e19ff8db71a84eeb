"""verdict.json as typed data, of one recording and of a whole Robot run; reading and writing it.

Its keys are these fields, in this order; its JSON Schema is made from them (verdicts/schema.py).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from fairpoll.base.errors import HistoryError
from fairpoll.checkers.finding import Finding, Status, about
from fairpoll.contract.events import dump
from fairpoll.contract.subject import JudgedConsumer
from fairpoll.evidence import layout
from fairpoll.evidence.history import Fault


def worst(statuses: Iterable[str]) -> Status:
    """The verdict of many: fail before inconclusive before pass; inconclusive when nothing was judged."""
    found = set(statuses)
    order: tuple[Status, ...] = ("fail", "inconclusive", "pass")
    return next((status for status in order if status in found), "inconclusive")


def unmet(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are not a pass: failures first, and of these a loss before what follows from it."""
    order = {"fail": 0, "inconclusive": 1}
    found = [finding for finding in findings if finding.status != "pass"]
    return sorted(found, key=lambda finding: (order[finding.status], finding.check != "nothing_lost"))


Counts = Mapping[str, int]
Seconds = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ConsumerFigures:
    """What one consumer delivered in the judged window, and how long messages waited (scenario seconds)."""

    delivered: Annotated[Counts, about("Different records delivered in the judged window, by topic.")]
    acked: Annotated[Counts, about("Acknowledged messages, by topic.")]
    total_delivered: Annotated[int, about("Sum over the topics.")]
    records_per_second: Annotated[float, about("total_delivered by the scenario's duration.")]
    low_volume_share: Annotated[float, about("Low-volume part of total_delivered, 0 to 1.")]
    oldest_wait_seconds: Annotated[Seconds, about("The longest wait of any message, by topic.")]
    low_volume_oldest_wait_seconds: Annotated[float, about("The longest of the low-volume topics.")]
    peak_memory_mebibytes: Annotated[float, about("Most resident memory of all members together.")]
    latency_seconds: Annotated[
        Mapping[str, Seconds],
        about("p50, p95, p99 and max of the waits of live messages, undelivered ones included, by topic."),
    ]
    jain_index: Annotated[
        float, about("Jain's fairness index over delivered/acked of the topics; shown, never judged.")
    ]
    cpu_seconds: Annotated[
        float | None, about("CPU time of all its processes; left out where it was not recorded.")
    ] = None


# Keys that are omitted when empty, so that earlier recordings are judged again to the same bytes.
OPTIONAL = frozenset(
    {
        *("judged", "versions", "not_shown", "cpu_seconds"),
        *("restart", "evidence", "delivery", "log_on_stdout", "attach", "image", "service"),
    }
)


@dataclass(frozen=True, kw_only=True)
class JudgedRun:
    """One run of one scenario: the file beside a recording in evidence/."""

    verdict: Annotated[Status, about("The worst of the findings.")]
    run_id: Annotated[str, about("Date, time and four random digits; part of topic and group names.")]
    scenario: Annotated[str, about("The scenario's title.")]
    speed: Annotated[float, about("SPEED of the run.")]
    cluster: Annotated[str, about("Kind, version and number of brokers.")]
    cut_off: Annotated[tuple[str, ...], about("Files whose last line is partial and was ignored.")] = ()
    faults: Annotated[tuple[Fault, ...], about("What was injected, in order.")] = ()
    figures: Annotated[Mapping[str, ConsumerFigures], about("The figures of each consumer.")]
    findings: Annotated[tuple[Finding, ...], about("Each criterion that was judged.")]
    judged: Annotated[
        Mapping[str, JudgedConsumer], about("The consumers that are not built in; left out where all are.")
    ] = field(default_factory=dict)
    versions: Annotated[
        Mapping[str, str], about("The packages that recorded the run; left out by older versions.")
    ] = field(default_factory=dict)
    not_shown: Annotated[
        Mapping[str, Mapping[str, list[str]]],
        about("By consumer and kind of evidence, the criteria that cannot be judged; left out if all can."),
    ] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The scenario's title with the faults that were injected, each named once.

        Without the broker's number: which one led the topic is chance.
        """
        faults = dict.fromkeys(re.sub(r"\bbroker \d+", "a broker", fault.what) for fault in self.faults)
        return self.scenario + (f" ({'; '.join(faults)})" if faults else "")


@dataclass(frozen=True, kw_only=True)
class NotJudged:
    """A scenario or test that could not be run or judged."""

    name: Annotated[str, about("The test or the scenario file.")]
    reason: Annotated[str, about("Its message.")]

    def as_run(self) -> JudgedRun:
        """A run without an id that is inconclusive for this reason."""
        why = Finding(
            check="could_be_judged",
            criterion="could be judged",
            consumer="-",
            expected="yes",
            measured=self.reason,
            sentence=self.reason,
        )
        return JudgedRun(
            verdict="inconclusive",
            run_id="",
            scenario=self.name,
            speed=1.0,
            cluster="",
            figures={},
            findings=(why,),
        )


@dataclass(frozen=True, kw_only=True)
class JudgedSuites:
    """A whole Robot run: the file beside log.html."""

    verdict: Annotated[Status, about("The worst of all: fail, then inconclusive, then pass.")]
    runs: Annotated[tuple[JudgedRun, ...], about("Every recording that was judged.")]
    not_judged: Annotated[tuple[NotJudged, ...], about("What could not be run or judged.")] = ()


def read_verdict(place: Path) -> JudgedSuites:
    """A verdict.json, or that of a folder; a single recording becomes a run of one. Raises HistoryError."""
    path = place / layout.VERDICT if place.is_dir() else place
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        if "runs" in content:
            return msgspec.convert(content, JudgedSuites)
        run = msgspec.convert(content, JudgedRun)
        return JudgedSuites(verdict=run.verdict, runs=(run,))
    except FileNotFoundError:
        raise HistoryError(f"{place}: no {layout.VERDICT} in it; nothing has been judged there") from None
    except (OSError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise HistoryError(f"{path}: not a verdict of this version: {error}") from None


def read_runs(place: Path) -> list[JudgedRun]:
    """The runs in a verdict.json, those that could not be judged last. Raises HistoryError."""
    judged = read_verdict(place)
    return [*judged.runs, *(reason.as_run() for reason in judged.not_judged)]


def to_text(judged: JudgedRun | JudgedSuites) -> str:
    """The content of verdict.json."""
    content = msgspec.to_builtins(judged)
    for run in content.get("runs", [content]):
        for entry in (*run["judged"].values(), *run["figures"].values(), run):
            for key in OPTIONAL & entry.keys():
                if not entry[key]:
                    del entry[key]
    return dump(content) + "\n"
