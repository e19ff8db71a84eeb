"""The registry of criteria. The decorator `criterion` is the one place where a criterion is declared.

Keywords, their documentation, the names in verdict.json, the delivery guarantees and the kill table's
question "which criterion has no consumer that must fail it?" are all derived from it. Packages outside
Fairpoll add their own criteria with an entry point in the group `fairpoll.criteria` that names a module.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from fairpoll.base.errors import FairpollError
from fairpoll.base.typed import WORDS
from fairpoll.checkers.doubts import adverse_doubts, steps_missed, void_doubts
from fairpoll.checkers.excuses import excused
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.sink_rate import rate_ignored
from fairpoll.contract.evidence_kinds import Evidence
from fairpoll.evidence.history import Recording

# A criterion about the producer or the run ignores the consumer.
Subject = Literal["consumer", "producer", "run"]
ENTRY_POINTS = "fairpoll.criteria"


@dataclass(frozen=True)
class Unit:
    """The unit of a threshold, in the annotation of a criterion's parameter.

    `argument` is the parameter's name in keywords, `meaning` its documentation, `example` a value.
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
MebibytesPerMinute = Annotated[
    float,
    Unit("MiB a minute", "mebibytes", "in MiB for each minute of the scenario's time, such as `32`", "32"),
]
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
    """A declared criterion. A call judges a recording without checking the evidence; see `judging.judge`."""

    name: str
    title: str
    function: Callable[..., Finding]
    thresholds: Mapping[str, Threshold]
    keyword: str
    needs: Evidence | None = None
    also_needs: tuple[Evidence, ...] = ()
    guarantee: bool = False
    subject: Subject = "consumer"
    depends_on_load: bool = False
    timed: bool = False
    rests_on_steps: bool = False

    @property
    def rests_on_time(self) -> bool:
        """Whether a pause of the host or late messages can cause a failure."""
        seconds = any(threshold.unit.name == "seconds" for threshold in self.thresholds.values())
        return self.subject == "consumer" and (self.timed or self.depends_on_load or seconds)

    def lacks(self, evidence: Collection[Evidence]) -> Evidence | None:
        """The first kind of evidence that it needs and that is missing; None if it can be judged."""
        return next((kind for kind in self.all_needs if kind not in evidence), None)

    @property
    def all_needs(self) -> tuple[Evidence, ...]:
        """The kinds of evidence without any of which it cannot be judged."""
        return (*((self.needs,) if self.needs else ()), *self.also_needs)

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
        """Raise TypeError for a threshold that is missing, unknown or of another type."""
        declared = self.thresholds
        missing = {name for name, threshold in declared.items() if threshold.required} - thresholds.keys()
        if missing or not all(
            name in declared and declared[name].accepts(value) for name, value in thresholds.items()
        ):
            wanted = ", ".join(f"{name} ({WORDS[one.type]})" for name, one in declared.items())
            given = ", ".join(f"{name}={value!r}" for name, value in thresholds.items())
            raise TypeError(f"{self.name} takes {wanted or 'no thresholds'}; given: {given or 'none'}")

    def __call__(self, recording: Recording, consumer: str = "", /, **thresholds: Any) -> Finding:
        """The finding on this recording; doubts about the load or the host make it inconclusive."""
        about = consumer if self.subject == "consumer" else self.subject

        def judge(recording: Recording, thresholds: Mapping[str, Any]) -> Finding:
            arguments = (recording, consumer) if self.subject == "consumer" else (recording,)
            return self.function(*arguments, **thresholds)

        finding = replace(
            judge(recording, thresholds),
            check=self.name,
            thresholds=thresholds,
            criterion=self.title_with(thresholds),
            consumer=about,
        )
        if self.depends_on_load:
            finding = _weighed(recording, finding)
        if finding.status == "fail" and self.rests_on_time:
            finding = excused(recording, finding, judge, of_load=self.depends_on_load)
        if finding.status == "pass" and self.rests_on_steps and (why := steps_missed(recording)):
            finding = replace(finding, status="inconclusive", sentence=f"{why} ({finding.sentence})")
        return finding


def _weighed(recording: Recording, finding: Finding) -> Finding:
    """Make the finding inconclusive for a void doubt, and a failure also for an adverse doubt.

    Adverse conditions make good service harder, so a pass stays a pass. They could inflate a control's wait
    by seconds, far below the minimum that it must reach. In recordings with the times of pauses and acks,
    `excuses` weighs a failure by these.
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
    also_needs: tuple[Evidence, ...] = (),
    guarantee: bool = False,
    subject: Subject = "consumer",
    depends_on_load: bool = False,
    timed: bool = False,
    rests_on_steps: bool = False,
) -> Callable[[Callable[..., Finding]], Criterion]:
    """Declare the decorated function as a criterion, under its own name.

    The function takes the recording, the consumer's name (unless the subject is the producer or the run)
    and, by keyword only, its thresholds, whose annotations (`Seconds`, `Share`, ...) give their units. Its
    docstring documents the keyword.

    Args:
        title: shown to people; a threshold's name in braces stands for its value.
        keyword: the name of the keyword that judges it; default: the function's name and "Should Hold".
        needs: the kind of evidence without which it is inconclusive; `also_needs` are further ones.
        guarantee: whether at-least-once delivery promises it under any load.
        subject: whether it judges a consumer, the producer or the run.
        depends_on_load: whether doubts about the load make it inconclusive.
        timed: whether a pause of the host can cause a failure, though no threshold is in seconds.
        rests_on_steps: whether it passes only if the steps of the timeline took place as planned.

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
            also_needs=also_needs,
            guarantee=guarantee,
            subject=subject,
            depends_on_load=depends_on_load,
            timed=timed,
            rests_on_steps=rests_on_steps,
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

    Raises FairpollError that lists every module that cannot be imported: without its criteria, this
    installation would judge less than it should.
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
            f"criteria that cannot be loaded: {'; '.join(broken)}. Repair or uninstall the package (its "
            f"entry point is in the group {ENTRY_POINTS})."
        )
