"""Gives a keyword the arguments by which a user's consumer is declared."""

import inspect
from collections.abc import Callable
from inspect import Parameter

from fairpoll.contract.subject import ATTRIBUTES

PLACE = "    **yours\n"


def with_subject(method: Callable[..., None]) -> Callable[..., None]:
    """Replace the method's last parameter, `**yours`, by a named argument for each attribute of a consumer.

    The method gets their texts by the attributes' own names; `**yours` in its docstring becomes their
    documentation.
    """
    names = {attribute.argument: name for name, attribute in ATTRIBUTES.items()}
    signature = inspect.signature(method)
    others = list(signature.parameters.values())[:-1]
    declared = [Parameter(name, Parameter.KEYWORD_ONLY, default="", annotation=str) for name in names]

    def run(self: object, /, *arguments: object, **named: object) -> None:
        method(self, *arguments, **{names.get(name, name): value for name, value in named.items()})

    run.__name__ = method.__name__
    run.__signature__ = signature.replace(parameters=[*others, *declared])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*others[1:], *declared)}
    lines = [
        f"    {a.argument}: {a.help}" + (f" Default: {a.default}." if a.default else "")
        for a in ATTRIBUTES.values()
    ]
    run.__doc__ = (inspect.getdoc(method) or "").replace(PLACE, "".join(f"{line}\n" for line in lines))
    return run
