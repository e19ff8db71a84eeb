"""The consumers that suites name: built in, Bizon, or any command."""

import sys
from collections.abc import Mapping

from fairpoll.base.errors import ConsumerError
from fairpoll.consumers import bizon
from fairpoll.contract.subject import MODES, Subject


def consumer_of(mode: str, yours: Mapping[str, str], bizon_config: str = "") -> Subject:
    """The consumer of this mode. Raises ConsumerError.

    `yours` has the attributes of a user's consumer as text (`contract.subject`): mode `yours` runs it, and
    mode `async` in place of the built-in consumer if there is a command, or if it runs already.
    `bizon_config` is a configuration file that the Bizon modes extend; "" for none.
    """
    given = yours.get("command") or (yours.get("attach") or "no").lower() != "no"
    match mode:
        case "async" if given:
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
        case "yours" if not given:
            raise ConsumerError(
                "no consumer of yours is given: name its command with --variable CONSUMER:..."
            )
        case "yours":
            return Subject.parse(mode, yours)
        case _:
            raise ConsumerError(f"unknown mode '{mode}'; one of: {', '.join(MODES)}")
