"""Makes a keyword of each criterion: name, documentation, arguments and tags come from the registry."""

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature
from typing import Any, TypeVar

from robot.api.deco import keyword

from fairpoll.checkers import Criterion
from fairpoll.checkers.registry import Threshold
from fairpoll.keywords.arguments import Amount, Bound, Duration, Percentile, Share, Topics
from fairpoll.keywords.judging import RUN, judge
from fairpoll.keywords.session import SESSION
from fairpoll.run.modes import Mode

Library = TypeVar("Library", bound=type)

# Unit of a threshold -> the argument's type, and the threshold's value from what Robot converted.
CELLS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "seconds": (Duration, lambda cell: cell.seconds),
    "share": (Share, lambda cell: cell.fraction),
    "records": (Bound, lambda cell: cell.records),
    "percentile": (Percentile, lambda cell: cell.percent),
    "topics": (Topics, lambda cell: cell.named),
    "consumer": (Mode, SESSION.consumer),
}
NUMBER: tuple[Any, Callable[[Any], Any]] = (Amount, lambda cell: cell.number)


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
    """A method that judges the criterion; its signature is what Robot shows, converts and checks."""
    arguments = {_argument(one, criterion): one for one in criterion.thresholds.values()}
    parameters = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
    if criterion.subject == "consumer":
        parameters.append(Parameter("mode", Parameter.POSITIONAL_OR_KEYWORD, annotation=Mode))
    parameters += sorted(
        (
            Parameter(
                name,
                Parameter.POSITIONAL_OR_KEYWORD if one.required else Parameter.KEYWORD_ONLY,
                default=one.default,
                annotation=_cell(one)[0],
            )
            for name, one in arguments.items()
        ),
        key=lambda parameter: parameter.kind,
    )
    signature = Signature(parameters)

    def run(self: object, /, *args: object, **named: object) -> None:
        bound = signature.bind(self, *args, **named)
        bound.apply_defaults()
        thresholds = {one.name: _value(one, bound.arguments[name]) for name, one in arguments.items()}
        judge(criterion.name, bound.arguments.get("mode", RUN), **thresholds)

    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters[1:]}
    run.__doc__ = _documentation(criterion, arguments)
    tags = (criterion.family, *(["guarantee"] if criterion.guarantee else []))
    decorated: Callable[..., None] = keyword(criterion.keyword, tags=tags)(run)
    return decorated


def _argument(threshold: Threshold, criterion: Criterion) -> str:
    """The unit's word for the argument, or the threshold's own name where two have the same unit."""
    same = [one for one in criterion.thresholds.values() if one.unit.argument == threshold.unit.argument]
    return threshold.unit.argument if len(same) == 1 else threshold.name


def _cell(threshold: Threshold) -> tuple[Any, Callable[[Any], Any]]:
    return CELLS.get(threshold.unit.name, NUMBER)


def _value(threshold: Threshold, cell: object) -> object:
    """Raises ValueError for `-`, which only the table of deliveries takes."""
    value = _cell(threshold)[1](cell)
    if value is None:
        raise ValueError(
            f"the {threshold.unit.argument} is missing; write for example {threshold.unit.example}"
        )
    return threshold.type(value)


def _documentation(criterion: Criterion, arguments: dict[str, Threshold]) -> str:
    fails = "Fails as INCONCLUSIVE" if criterion.subject != "consumer" else "Fails"
    parts = [criterion.documentation, f"{fails} if this does not hold."]
    meanings = ["mode: the consumer, such as `async`."] * (criterion.subject == "consumer")
    meanings += [f"{name}: {one.unit.meaning}." for name, one in arguments.items()]
    if meanings:
        parts.append("Args:\n" + "\n".join(f"    {meaning}" for meaning in meanings))
    cells = ["async"] * (criterion.subject == "consumer")
    cells += [one.unit.example for one in arguments.values() if one.required]
    cells += [f"{name}={one.default}" for name, one in arguments.items() if not one.required]
    parts.append(f"Example: `{'    '.join([criterion.keyword, *cells])}`")
    return "\n\n".join(parts)
