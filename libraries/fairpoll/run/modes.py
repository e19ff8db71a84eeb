"""The consumers that suites name: built in, Bizon, or any command."""

import shlex
import sys
from dataclasses import dataclass

from fairpoll.base.errors import ConsumerError
from fairpoll.consumers import bizon
from fairpoll.contract.output_fields import Fields
from fairpoll.run.members import ConsumerUnderTest

MODES = ("sync", "async", "bizon-sync", "bizon-async", "yours")


@dataclass(frozen=True)
class Yours:
    """A consumer of anybody's: what `yours` runs, and `async` in place of the built-in one.

    `command` is a line as for a shell; `fields` says where its output files have what (`fields.Fields`);
    `bizon_config` is a file that the Bizon modes begin from. All empty: not given.
    """

    command: str = ""
    fields: str = ""
    bizon_config: str = ""

    def as_mode(self, mode: str) -> ConsumerUnderTest:
        """The command, under this name. Raises ConsumerError when it, or its fields, cannot be read."""
        try:
            command = tuple(shlex.split(self.command))
        except ValueError as error:
            raise ConsumerError(f"CONSUMER cannot be read as a command: {error}") from None
        if not command or not command[0]:
            raise ConsumerError("CONSUMER is empty; write the command, or leave the variable out")
        try:
            return ConsumerUnderTest(mode, command, Fields.parse(self.fields))
        except ValueError as error:
            raise ConsumerError(f"CONSUMER_FIELDS: {error}") from None


def consumer_of(mode: str, yours: Yours) -> ConsumerUnderTest:
    """The consumer of this mode. Raises ConsumerError."""
    match mode:
        case "async" if yours.command:
            return yours.as_mode(mode)
        case "sync" | "async":
            return ConsumerUnderTest.built_in(mode)
        case "bizon-sync" | "bizon-async":
            config = ("--config", yours.bizon_config) if yours.bizon_config else ()
            command = (
                sys.executable,
                "-m",
                "fairpoll.consumers.bizon",
                "--mode",
                mode.removeprefix("bizon-"),
                *config,
            )
            return ConsumerUnderTest(mode, command, bizon.OUTPUT_FIELDS)
        case "yours" if not yours.command:
            raise ConsumerError(
                "no consumer of yours is given: name its command with --variable CONSUMER:..."
            )
        case "yours":
            return yours.as_mode(mode)
        case _:
            raise ConsumerError(f"unknown mode '{mode}'; one of: {', '.join(MODES)}")
