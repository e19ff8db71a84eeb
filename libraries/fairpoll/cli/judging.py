"""What the commands that give a verdict share: their exit codes."""

from typing import Any

import click

# By verdict; COULD_NOT_RUN also stands for wrong options.
EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 2}
COULD_NOT_RUN = 3


class _NotRun(click.UsageError):
    exit_code = COULD_NOT_RUN


class JudgingCommand(click.Command):
    """A command whose wrong options have the exit code COULD_NOT_RUN; `unknown_hint` follows unknown ones."""

    unknown_hint = ""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **extra)
        except click.UsageError as error:
            more = self.unknown_hint if isinstance(error, click.NoSuchOption) else ""
            raise _NotRun(error.format_message() + more, error.ctx) from None
