"""The `fairpoll` command: each subcommand is a module of this package, imported when it is called."""

import contextlib
import logging
import os
import sys
from importlib import import_module

import click
from confluent_kafka import KafkaException

from fairpoll.base.disk import unwritable
from fairpoll.base.errors import FairpollError

# A command's module has its name, with underscores, and so does the click command in it.
COMMANDS = (
    "check",
    "collect",
    "compare",
    "consume",
    "evidence",
    "faults",
    "init",
    "judge",
    "league",
    "plan",
    "produce",
    "query",
    "report",
    "run-consumer",
    "summary",
    "test",
    "trend",
    "watch",
)


class _Commands(click.Group):
    """Imports the module of the command that is called and no other: consumers start without numpy."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        return command(name) if name in COMMANDS else None


def command(name: str) -> click.Command:
    """The subcommand of this name, one of COMMANDS."""
    attribute = name.replace("-", "_")
    found: click.Command = getattr(import_module(f"fairpoll.cli.{attribute}"), attribute)
    return found


@click.group(
    cls=_Commands,
    context_settings={"show_default": True, "max_content_width": 100},
    epilog="Each option can be given as the environment variable named beside it; several values have a "
    "space between. Further Kafka client properties, passwords among them, are taken from the environment "
    "only: FAIRPOLL_KAFKA_SECURITY_PROTOCOL sets security.protocol, FAIRPOLL_PROPERTIES_FILE names a file "
    "of name=value lines.",
)
@click.version_option(package_name="fairpoll")
def main() -> None:
    """Decide whether a Kafka consumer starves a low-volume topic.

    The acceptance suites are run with `robot suites/`; these are the parts that run on their own.
    produce and consume print newline-delimited JSON events on standard output and their client's log on
    standard error.
    """


def run() -> None:
    """Entry point: an expected error is one sentence on standard error, and exit code 1."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        main()
        return
    except FairpollError as error:
        message = str(error)
    except KafkaException as error:
        message = f"the Kafka client: {error.args[0].str()}"
    except OSError as error:
        message = unwritable(error.filename or "a file", error)
    # Discards what is still buffered for standard output: the interpreter would fail to flush it at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with contextlib.suppress(OSError):  # standard error may be a file on the same full disk
        click.echo(f"fairpoll: {message}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    run()
