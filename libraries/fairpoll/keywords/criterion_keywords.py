"""Makes a keyword of each criterion: name, documentation, arguments and tags come from the registry."""

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature
from typing import Any, TypeVar

from robot.api.deco import keyword

from fairpoll.checkers import Criterion
from fairpoll.checkers.registry import Threshold
from fairpoll.contract.subject import Mode
from fairpoll.keywords.arguments import Amount, Bound, Cell, Duration, Percentile, Share, Topics
from fairpoll.keywords.judging import RUN, judge
from fairpoll.keywords.session import SESSION

Library = TypeVar("Library", bound=type)

# Unit of a threshold -> the argument's type; Amount for other units.
CELLS: dict[str, Any] = {
    "seconds": Duration,
    "share": Share,
    "records": Bound,
    "percentile": Percentile,
    "topics": Topics,
    "consumer": Mode,
}


def with_keywords(criteria: Iterable[Criterion]) -> Callable[[Library], Library]:
    """A class decorator that adds a keyword for each criterion, unless the class has one of that name."""

    def add(library: Library) -> Library:
        for criterion in criteria:
            name = criterion.keyword.lower().replace(" ", "_")
            if not hasattr(library, name):
                setattr(library, name, _keyword(criterion))
        return library

    return add


def _keyword(criterion: Criterion) -> Callable[..., None]:
    """A method that judges the criterion, with the signature that Robot documents, converts and checks."""
    arguments = {_argument(threshold, criterion): threshold for threshold in criterion.thresholds.values()}
    parameters = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
    if criterion.subject == "consumer":
        parameters.append(Parameter("mode", Parameter.POSITIONAL_OR_KEYWORD, annotation=Mode))
    parameters += sorted(
        (
            Parameter(
                name,
                Parameter.POSITIONAL_OR_KEYWORD if threshold.required else Parameter.KEYWORD_ONLY,
                default=threshold.default,
                annotation=CELLS.get(threshold.unit.name, Amount),
            )
            for name, threshold in arguments.items()
        ),
        key=lambda parameter: parameter.kind,
    )
    signature = Signature(parameters)

    def run(self: object, /, *args: object, **named: object) -> None:
        bound = signature.bind(self, *args, **named)
        bound.apply_defaults()
        thresholds = {t.name: _value(t, bound.arguments[name]) for name, t in arguments.items()}
        judge(criterion.name, bound.arguments.get("mode", RUN), **thresholds)

    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters[1:]}
    run.__doc__ = _documentation(criterion, arguments)
    tags = (criterion.family, *(["guarantee"] if criterion.guarantee else []))
    decorated: Callable[..., None] = keyword(criterion.keyword, tags=tags)(run)
    return decorated


def _argument(threshold: Threshold, criterion: Criterion) -> str:
    """The unit's name for the argument, or the threshold's name if several thresholds have this unit."""
    names = [other.unit.argument for other in criterion.thresholds.values()]
    return threshold.unit.argument if names.count(threshold.unit.argument) == 1 else threshold.name


def _value(threshold: Threshold, cell: Any) -> object:
    """The threshold's value. Raises ValueError for `-`, which only `Delivery Should Meet` accepts."""
    value = cell.value if isinstance(cell, Cell) else SESSION.consumer(cell)
    if value is None:
        raise ValueError(
            f"the {threshold.unit.argument} is missing; write for example {threshold.unit.example}"
        )
    return threshold.type(value)


def _documentation(criterion: Criterion, arguments: dict[str, Threshold]) -> str:
    fails = "Fails as INCONCLUSIVE" if criterion.subject != "consumer" else "Fails"
    parts = [criterion.documentation, f"{fails} if this does not hold."]
    meanings = ["mode: the consumer, such as `async`."] * (criterion.subject == "consumer")
    meanings += [f"{name}: {threshold.unit.meaning}." for name, threshold in arguments.items()]
    if meanings:
        parts.append("Args:\n" + "\n".join(f"    {meaning}" for meaning in meanings))
    cells = ["async"] * (criterion.subject == "consumer")
    cells += [threshold.unit.example for threshold in arguments.values() if threshold.required]
    cells += [f"{name}={t.default}" for name, t in arguments.items() if not t.required]
    parts.append(f"Example: `{'    '.join([criterion.keyword, *cells])}`")
    return "\n\n".join(parts)
