"""The kill table: which criterion must catch which consumer, read from the suites of tests/must_fail."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from robot.api import TestSuite

SUITES = Path(__file__).parents[1] / "must_fail" / "suites"


@dataclass(frozen=True)
class Kill:
    """A row: the criterion that must fail for this consumer, and with what: thresholds, or other criteria."""

    consumer: str
    criterion: str
    thresholds: tuple[str, ...] = ()
    consequences: tuple[str, ...] = ()


def kills() -> Iterator[Kill]:
    """One for each test of the suites in which a consumer or a recording must fail a criterion."""
    for test in TestSuite.from_file_system(SUITES).all_tests:
        (step,) = test.body
        match step.name, *map(str, step.args):
            case "Consumer Should Be Caught", consumer, criterion, consequences:
                names = consequences.replace("-", "").split()
                yield Kill(consumer, criterion, consequences=tuple(names))
            case "Criterion Should Fail", criterion, consumer, _, *thresholds:
                yield Kill(consumer, criterion, tuple(thresholds))
            case "Rate Should Be Ignored", consumer:
                yield Kill(consumer, "recording_is_sound")
            case "Cut Off Recording Should Fail", criterion:
                yield Kill("half a ledger", criterion)
