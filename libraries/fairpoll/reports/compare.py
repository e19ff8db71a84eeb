"""The changes between two runs of the suites, by their verdicts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Literal

from fairpoll.checkers.finding import Finding
from fairpoll.reports.tables import NOTHING, markdown_table
from fairpoll.verdicts.verdict_json import JudgedRun, worst

Kind = Literal["worse", "went", "appeared", "better", "same"]
ORDER: tuple[Kind, ...] = ("worse", "went", "appeared", "better", "same")  # the most important first
# Inconclusive is better than fail, since it blames no consumer.
RANK = {"pass": 0, "inconclusive": 1, "fail": 2}

# Run, consumer, check, criterion, number: a check may be judged twice, with two bounds.
Key = tuple[str, str, str, str, int]


@dataclass(frozen=True)
class Change:
    """One criterion of one consumer in one scenario, before and after: `pass: 0.2 s`; `-` is not judged."""

    kind: Kind
    scenario: str
    consumer: str
    criterion: str
    before: str
    after: str


def changes(before: Sequence[JudgedRun], after: Sequence[JudgedRun]) -> list[Change]:
    """Every criterion of both, the worse ones first. A change is one of verdict: measured values vary."""
    old, new = dict(_findings(before)), dict(_findings(after))
    found = []
    for key in {**old, **new}:
        (scenario, consumer, _, criterion, _), was, now = key, old.get(key), new.get(key)
        found.append(Change(_kind(was, now), scenario, consumer, criterion, _text(was), _text(now)))
    return sorted(found, key=lambda change: ORDER.index(change.kind))


def comparison(
    before: Sequence[JudgedRun],
    after: Sequence[JudgedRun],
    *,
    names: tuple[str, str],
    everything: bool = False,
) -> str:
    """Both runs and the changes between them as Markdown; with `everything`, unchanged criteria too."""
    found = changes(before, after)
    count = Counter(change.kind for change in found)
    parts = [
        markdown_table(("", "before", "after"), _heads(before, after, names)),
        ", ".join(f"{count[kind]:,} {kind}" for kind in ORDER),
    ]
    shown = [astuple(change) for change in found if everything or change.kind != "same"]
    if shown:
        columns = ("change", *(field.name for field in fields(Change)[1:]))
        parts.append(markdown_table(columns, shown))
    return "\n\n".join(parts)


def _findings(runs: Sequence[JudgedRun]) -> Iterator[tuple[Key, Finding]]:
    """Each finding with its key. Equal findings of two tests count once."""
    ran: Counter[str] = Counter()
    for run in runs:
        ran[run.name] += 1
        # A scenario may run twice with different consumers.
        scenario = run.name if ran[run.name] == 1 else f"{run.name} [{ran[run.name]}]"
        bounds: dict[tuple[str, str, str], list[str]] = {}
        for finding in run.findings:
            name = (finding.consumer, finding.check, finding.criterion)
            seen = bounds.setdefault(name, [])
            if finding.expected not in seen:
                seen.append(finding.expected)
                yield (scenario, *name, len(seen)), finding


def _kind(before: Finding | None, after: Finding | None) -> Kind:
    if before is None:
        return "appeared"
    if after is None:
        return "went"
    step = RANK[after.status] - RANK[before.status]
    return "worse" if step > 0 else "better" if step < 0 else "same"


def _text(finding: Finding | None) -> str:
    return NOTHING if finding is None else f"{finding.status}: {finding.measured}"


def _heads(
    before: Sequence[JudgedRun], after: Sequence[JudgedRun], names: tuple[str, str]
) -> list[tuple[str, str, str]]:
    """The conditions of both runs, which may explain a change."""
    both = (before, after)
    rows = {
        "verdicts of": names,
        "verdict": tuple(worst(run.verdict for run in runs) for runs in both),
        "cluster": tuple(_each(run.cluster for run in runs) for runs in both),
        "speed": tuple(_each(f"{run.speed:g}" for run in runs) for runs in both),
    }
    return [(name, first, second) for name, (first, second) in rows.items()]


def _each(texts: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(texts))
