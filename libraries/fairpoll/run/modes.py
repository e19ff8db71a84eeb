"""The consumers that suites name: built in, Bizon, or any command."""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from fairpoll.base.command_line import program_of
from fairpoll.base.errors import ConsumerError
from fairpoll.base.text import quoted
from fairpoll.consumers import bizon
from fairpoll.contract.output_fields import Fields
from fairpoll.evidence.history import Evidence
from fairpoll.run.members import ConsumerUnderTest

# The word for a consumer in suites.
Mode = Literal["sync", "async", "bizon-sync", "bizon-async", "yours"]
MODES = get_args(Mode)
KINDS_OF_EVIDENCE = (*get_args(Evidence), "buffers")
# A name becomes a folder of the recording and a part of a group's name on the cluster.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
# Names with another meaning in a recording or in a suite.
TAKEN = {*MODES[:-1], "producer", "run", "charts", "ledger", "samples"}


@dataclass(frozen=True)
class Yours:
    """The consumer of a user: mode `yours` runs it, and mode `async` in place of the built-in consumer.

    `command` is a line as for a shell; `fields` maps its output format (`output_fields.Fields`);
    `bizon_config` is a configuration file that the Bizon modes extend; `name` is shown in findings, pages and
    verdict.json (default: that of the command's program); `shows` lists the kinds of evidence
    that it declares (default: those of output files if there are `fields`). "" stands for no value.
    """

    command: str = ""
    fields: str = ""
    bizon_config: str = ""
    name: str = ""
    shows: str = ""

    def as_mode(self, mode: str) -> ConsumerUnderTest:
        """The command as the consumer of this mode. Raises ConsumerError for an invalid setting."""
        try:
            command = tuple(shlex.split(self.command))
        except ValueError as error:
            raise ConsumerError(f"CONSUMER cannot be read as a command: {error}") from None
        if not command or not command[0]:
            raise ConsumerError("CONSUMER is empty; write the command, or leave the variable out")
        try:
            fields = Fields.parse(self.fields)
        except ValueError as error:
            raise ConsumerError(f"CONSUMER_FIELDS: {error}") from None
        return ConsumerUnderTest(self.name_for(command), command, fields, mode, self._declared())

    def _declared(self) -> tuple[str, ...]:
        kinds = self.shows.replace(",", " ").split()
        for kind in kinds:
            if kind not in KINDS_OF_EVIDENCE:
                known = ", ".join(KINDS_OF_EVIDENCE)
                raise ConsumerError(f"SHOWS: {quoted(kind)} is not a kind of evidence; one of: {known}")
        return tuple(kinds) or (("records", "contents", "places") if self.fields else ())

    def name_for(self, command: Sequence[str]) -> str:
        """The given name, or one made from the command. Raises ConsumerError for an unusable name."""
        if not self.name:
            return name_of_command(command)
        if not NAME.fullmatch(self.name):
            raise ConsumerError(
                f"CONSUMER_NAME: {quoted(self.name)} is not a name; write at most 60 letters, digits, dots, "
                "underscores and hyphens"
            )
        if self.name in TAKEN:
            raise ConsumerError(f"CONSUMER_NAME: '{self.name}' is taken; choose another name")
        return self.name


def name_of_command(command: Sequence[str]) -> str:
    """The name of the command's program: `consumer.py` for `python my/consumer.py --fast`."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", program_of(command)).strip(".-_")[:60]
    return f"your-{name}" if name in TAKEN else name or "yours"


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
