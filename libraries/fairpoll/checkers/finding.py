"""The result of one criterion, in the order in which verdict.json has its fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec

from fairpoll.base.text import count_text

Status = Literal["pass", "fail", "inconclusive"]

# At most this many examples in a message; the evidence has them all.
MAX_EXAMPLES = 20


def about(description: str) -> msgspec.Meta:
    """A field's description in the JSON Schema of verdict.json."""
    return msgspec.Meta(description=description)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One criterion, judged for one consumer with its thresholds.

    A criterion's function fills in `expected`, `measured`, `sentence`, `status` and `figures`; the registry
    adds `check` (the criterion's name), `thresholds`, `criterion` (its title) and `consumer`. The sentence
    names the consumer, what was measured, what was expected and the topic; `figures` has its numbers.
    """

    check: Annotated[str, about("The criterion's name, such as nothing_lost.")] = ""
    thresholds: Annotated[Mapping[str, Any], about("Such as volume and seconds.")] = field(
        default_factory=dict
    )
    criterion: Annotated[str, about("The criterion's title.")] = ""
    consumer: Annotated[str, about("Its name; run or producer for criteria about these.")] = ""
    expected: Annotated[str, about("With its unit.")]
    measured: Annotated[str, about("With its unit.")]
    sentence: Annotated[str, about("Who, what was measured, what was expected, where.")]
    status: Annotated[Status, about("Inconclusive where nothing can be proved.")] = "inconclusive"
    figures: Annotated[Mapping[str, float | int | str | None], about("The numbers of the sentence.")] = field(
        default_factory=dict
    )

    @property
    def key(self) -> tuple[str, str, str]:
        """Criterion, consumer and thresholds: findings on one recording with equal keys are the same."""
        return self.check, self.consumer, repr(sorted(self.thresholds.items()))


def examples(records: Iterable[tuple[str, int, int]], count: int) -> str:
    """The end of a sentence: at most MAX_EXAMPLES of `count` records by topic, partition and offset."""
    named = [f"{topic}/{partition}@{offset}" for topic, partition, offset in islice(records, MAX_EXAMPLES)]
    if not named:
        return ""
    more = f" and {count - MAX_EXAMPLES:,} more" if count > MAX_EXAMPLES else ""
    return f": {', '.join(named)}{more}"


def violations(
    consumer: str, fault: str, wrong: Iterable[tuple[str, int, int]], count: int, what: str
) -> Finding:
    """A finding that passes without violations and otherwise names the first of the `count` records.

    `fault` is the word in the table ("altered"). `what` ends the sentence after "delivered 3 records"; in it,
    `{was}` becomes was or were.
    """
    what = what.format(was="was" if count == 1 else "were")
    verb = "redelivered" if fault == "redelivered" else "delivered"
    return Finding(
        expected=f"0 {fault}",
        measured=f"{count:,} {fault}",
        sentence=f"{consumer} {verb} {count_text(count, 'record')} {what}, expected none"
        + examples(wrong, count),
        status="fail" if count else "pass",
        figures={"count": count},
    )
