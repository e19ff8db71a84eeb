"""The registry of criteria. The decorator `criterion` is the one place where a criterion is declared.

Keywords, their documentation, the names in verdict.json, the delivery guarantees and the kill table's
question "which criterion has no consumer that must fail it?" are all derived from it. Packages outside
Fairpoll add their own criteria with an entry point in the group `fairpoll.criteria` that names a module.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from fairpoll.base.errors import FairpollError
from fairpoll.checkers.doubts import adverse_doubts, rate_ignored, void_doubts
from fairpoll.checkers.finding import Finding
from fairpoll.evidence.history import Evidence, Recording

# What a criterion is about; for the last two the consumer is not looked at.
Subject = Literal["consumer", "producer", "run"]
ENTRY_POINTS = "fairpoll.criteria"


@dataclass(frozen=True)
class Unit:
    """What a threshold is given in: the annotation of a criterion's parameter.

    `argument` is the parameter's name in a table cell, `meaning` its documentation, `example` a value.
    """

    name: str
    argument: str
    meaning: str
    example: str


Seconds = Annotated[
    float, Unit("seconds", "limit", "in the scenario's time, such as `5 seconds`", "5 seconds")
]
RealSeconds = Annotated[
    float,
    Unit("seconds", "limit", "in real time, such as `15 seconds`; SPEED does not divide it", "15 seconds"),
]
Share = Annotated[float, Unit("share", "share", "with a percent sign, such as `95%`", "95%")]
Records = Annotated[int, Unit("records", "records", "a number of records, such as `20`", "20")]
Percentile = Annotated[
    int, Unit("percentile", "percentile", "a whole number from 1 to 100, such as `99`", "99")
]
Mebibytes = Annotated[float, Unit("MiB", "mebibytes", "in MiB, such as `256`", "256")]
Times = Annotated[float, Unit("times", "times", "a factor, such as `4`", "4")]
TopicsOf = Annotated[str, Unit("topics", "topics", "`high`, `low`, or the name of one topic", "low")]
OtherConsumer = Annotated[str, Unit("consumer", "of", "another consumer of the same run", "sync")]


@dataclass(frozen=True)
class Threshold:
    """A parameter of a criterion; without a default it must be given."""

    name: str
    type: type
    unit: Unit
    default: object = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    def accepts(self, value: object) -> bool:
        """Whether the value has the parameter's type; a whole number will do for a float."""
        wanted = (int, float) if self.type is float else (self.type,)
        return isinstance(value, wanted) and not isinstance(value, bool)


@dataclass(frozen=True)
class Criterion:
    """A declared criterion. Call it to judge a recording without regard to missing evidence."""

    name: str
    title: str
    function: Callable[..., Finding]
    thresholds: Mapping[str, Threshold]
    keyword: str
    needs: Evidence | None = None
    guarantee: bool = False
    subject: Subject = "consumer"
    depends_on_load: bool = False

    @property
    def family(self) -> str:
        """The module's own name, such as `delivery`: the tag of its keyword."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def documentation(self) -> str:
        """The docstring of its function."""
        return inspect.getdoc(self.function) or ""

    def title_with(self, thresholds: Mapping[str, Any]) -> str:
        """The title with its thresholds filled in, such as `low-volume latency p99`."""
        volume = thresholds.get("volume")
        named = {**thresholds, "volume": f"{volume}-volume" if volume in ("high", "low") else volume}
        return self.title.format(**named)

    def check_thresholds(self, thresholds: Mapping[str, Any]) -> None:
        """Raises TypeError for a threshold that is missing, unknown or of another type."""
        missing = {name for name, one in self.thresholds.items() if one.required} - thresholds.keys()
        known = {name: self.thresholds.get(name) for name in thresholds}
        if missing or not all(one and one.accepts(thresholds[name]) for name, one in known.items()):
            told = ", ".join(f"{name} ({one.unit.name})" for name, one in self.thresholds.items()) or "none"
            given = ", ".join(f"{name}={value!r}" for name, value in thresholds.items()) or "none"
            raise TypeError(f"the thresholds of {self.name} are: {told}; given: {given}")

    def __call__(self, recording: Recording, consumer: str = "", /, **thresholds: Any) -> Finding:
        """The finding on this recording; inconclusive where doubts about the load forbid a verdict."""
        about = consumer if self.subject == "consumer" else self.subject
        arguments = (recording, consumer) if self.subject == "consumer" else (recording,)
        finding = replace(
            self.function(*arguments, **thresholds),
            check=self.name,
            thresholds=thresholds,
            criterion=self.title_with(thresholds),
            consumer=about,
        )
        return _weighed(recording, finding) if self.depends_on_load else finding


def _weighed(recording: Recording, finding: Finding) -> Finding:
    """Inconclusive where the experiment was void, and for a failure where conditions were adverse.

    Adverse conditions make good service harder: they excuse a failure, and a pass stays a pass. They could
    inflate a control's wait by seconds, far below the minimum that it must reach.
    """
    doubts = void_doubts(recording) + ([] if finding.status == "pass" else adverse_doubts(recording))
    if ignored := rate_ignored(recording, finding.consumer):
        doubts.append(ignored)
    if not doubts:
        return finding
    return replace(finding, status="inconclusive", sentence=f"{'; '.join(doubts)} ({finding.sentence})")


# Every declared criterion by its name in verdict.json: those about a consumer, those about the run itself.
CRITERIA: dict[str, Criterion] = {}
RUN_CRITERIA: dict[str, Criterion] = {}


def criterion(
    title: str,
    *,
    keyword: str = "",
    needs: Evidence | None = None,
    guarantee: bool = False,
    subject: Subject = "consumer",
    depends_on_load: bool = False,
) -> Callable[[Callable[..., Finding]], Criterion]:
    """Declare the decorated function as a criterion, under its own name.

    The function takes the recording, the consumer's name (unless the subject is the producer or the run)
    and, by keyword only, its thresholds, whose annotations (`Seconds`, `Share`, ...) give their units. Its
    docstring documents the keyword.

    Args:
        title: as people read it; a threshold's name in braces stands for its value.
        keyword: the name of the keyword that judges it; default: the function's name and "Should Hold".
        needs: the evidence without which it is inconclusive.
        guarantee: whether at-least-once delivery promises it under any load.
        subject: what it is about.
        depends_on_load: whether doubts about the load make it inconclusive.

    Raises FairpollError for a second criterion of the same name.
    """

    def declare(function: Callable[..., Finding]) -> Criterion:
        name = function.__name__
        declared = Criterion(
            name=name,
            title=title,
            function=function,
            thresholds=_thresholds(function),
            keyword=keyword or f"{name.replace('_', ' ').title()} Should Hold",
            needs=needs,
            guarantee=guarantee,
            subject=subject,
            depends_on_load=depends_on_load,
        )
        if other := CRITERIA.get(name) or RUN_CRITERIA.get(name):
            raise FairpollError(
                f"two criteria are named '{name}': in {other.function.__module__} and {function.__module__}"
            )
        (CRITERIA if subject == "consumer" else RUN_CRITERIA)[name] = declared
        return declared

    return declare


def _thresholds(function: Callable[..., Finding]) -> dict[str, Threshold]:
    hints = get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        kind, unit = hints.get(name, float), Unit("number", name, "a number", "1")
        if get_origin(kind) is Annotated:
            kind, unit = get_args(kind)[:2]
        found[name] = Threshold(name, kind, unit, parameter.default)
    return found


def load_plugins() -> None:
    """Import the modules that other packages name in the entry point group `fairpoll.criteria`.

    Raises FairpollError, with one message for all of them, when some cannot be imported: without their
    criteria less would be judged than this installation is meant to judge.
    """
    broken = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:  # whatever a stranger's module raises
            package = point.dist.name if point.dist else "an unknown package"
            broken.append(f"'{point.value}' of {package}: {type(error).__name__}: {error}")
    if broken:
        raise FairpollError(
            f"criteria that cannot be loaded: {'; '.join(broken)}. Mend or uninstall the package (its entry "
            f"point is in the group {ENTRY_POINTS})."
        )
