"""The consumers that suites name: built in, Bizon, or any command."""

import sys
from collections.abc import Mapping

from fairpoll.base.errors import ConsumerError
from fairpoll.consumers import bizon
from fairpoll.contract.container import is_contained
from fairpoll.contract.subject import MODES, Subject


def is_given(yours: Mapping[str, str]) -> bool:
    """Whether a consumer of the user is named by its command or its container, or runs already."""
    attached = (yours.get("attach") or "no").lower() != "no"
    return bool(yours.get("command")) or is_contained(yours) or attached


def consumer_of(mode: str, yours: Mapping[str, str], bizon_config: str = "") -> Subject:
    """The consumer of this mode. Raises ConsumerError.

    `yours` has the attributes of a user's consumer as text (`contract.subject`): mode `yours` runs it, and
    mode `async` in place of the built-in consumer if one is given. `bizon_config` is a configuration file
    that the Bizon modes extend; "" for none.
    """
    match mode:
        case "async" if is_given(yours):
            return Subject.parse(mode, yours)
        case "sync" | "async":
            return Subject.built_in(mode)
        case "bizon-sync" | "bizon-async":
            config = ("--config", bizon_config) if bizon_config else ()
            command = (
                sys.executable,
                "-m",
                "fairpoll.consumers.bizon",
                "--mode",
                mode.removeprefix("bizon-"),
                *config,
            )
            return Subject(mode, command, bizon.OUTPUT_FIELDS)
        case "yours" if not is_given(yours):
            raise ConsumerError(
                "no consumer of yours is given: name its command with --variable CONSUMER:..., or its image "
                "with --variable IMAGE:..."
            )
        case "yours":
            return Subject.parse(mode, yours)
        case _:
            raise ConsumerError(f"unknown mode '{mode}'; one of: {', '.join(MODES)}")
