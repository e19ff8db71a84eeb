"""Options that several commands share, and the validation of their values."""

import functools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from fairpoll.base.text import quoted
from fairpoll.contract.client_config import check_servers
from fairpoll.contract.settings import PollSettings
from fairpoll.contract.subject import ATTRIBUTES

RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SERVERS = "HOST:PORT[,...]"
# A verdict.json, or its folder.
VERDICT = click.Path(exists=True, path_type=Path)
# An option's variable is FAIRPOLL_<OPTION> for every command: the parts of a run share their environment.
SHARED_ENVIRONMENT: dict[str, Any] = {"auto_envvar_prefix": "FAIRPOLL"}

option = functools.partial(click.option, show_envvar=True)
controlled_option = option(
    "--controlled",
    is_flag=True,
    help="Take commands, one a line, from standard input; its end means stop. Used by the suites.",
)


class FiniteRange(click.FloatRange):
    """A range of finite numbers: unlike click's, it rejects "nan" and "inf"."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{quoted(value)} is not a valid number.", param, ctx)
        return number


POSITIVE = FiniteRange(min=0, min_open=True)


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each field of PollSettings."""
    for setting in reversed(fields(PollSettings)):
        declared = setting.metadata["key"]
        schema, name = declared.value.schema, f"--{setting.name.replace('_', '-')}"
        kind: Any = click.Choice(schema.get("enum", ()))
        if "minimum" in schema:
            kind = click.IntRange(schema["minimum"], schema["maximum"])
        command = option(name, type=kind, default=setting.default, help=declared.help)(command)
    return command


def subject_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each attribute of a consumer under test, except its command."""
    for name, attribute in reversed(list(ATTRIBUTES.items())):
        if name != "command":
            shown = attribute.default or False
            command = click.option(f"--{name.replace('_', '-')}", show_default=shown, help=attribute.help)(
                command
            )
    return command


def checked_servers(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """The addresses. Raises click.BadParameter if one is not valid."""
    try:
        check_servers(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


bootstrap_option = option(
    "--bootstrap-servers",
    required=True,
    callback=checked_servers,
    metavar=SERVERS,
    help="Addresses of the cluster's brokers.",
)


def checked_topic(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """The topic's name; "" is not given. Raises click.BadParameter for an invalid name."""
    if text and not TOPIC.fullmatch(text):
        raise click.BadParameter(f"{quoted(text)} is not the name of a topic")
    return text or None


def checked_run_id(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """The run id; "" is not given. Raises click.BadParameter if it cannot be part of a topic's name."""
    if text and not RUN_ID.fullmatch(text):
        raise click.BadParameter(
            f"{quoted(text)} is not a name for a run; letters, digits, '.', '_' and '-', at most 100"
        )
    return text or None


scenario_option = option(
    "--scenario",
    "scenario_file",
    type=FILE,
    required=True,
    help="The scenario file, such as resources/scenarios/specified.yaml.",
)
speed_option = option("--speed", type=POSITIVE, default=1.0, help="Divides every interval.")
run_id_option = option(
    "--run-id", callback=checked_run_id, required=True, help="The run id that `fairpoll plan` printed."
)


def evidence_topic_option(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option --evidence-topic; if required, it has a default."""
    return option(
        "--evidence-topic",
        callback=checked_topic,
        default="fairpoll-evidence" if required else None,
        metavar="NAME",
        help="Topic through which the parts of a run agree and hand in their evidence.",
    )


def outputs(pairs: Iterable[str]) -> dict[str, str]:
    """Topic -> the name of its output file. Raises click.BadParameter."""
    found: dict[str, str] = {}
    for pair in pairs:
        topic, file = _halves(pair, "--topic", "TOPIC=FILE, for example alerts=alerts.json")
        if not TOPIC.fullmatch(topic):
            raise _bad("--topic", f"{quoted(topic)} is not the name of a topic")
        if Path(file).name != file or "\0" in file:
            raise _bad("--topic", f"{quoted(file)} is not a plain file name; the folder is --output-folder's")
        if topic in found or file in found.values():
            raise _bad("--topic", f"{quoted(topic if topic in found else file)} is there twice")
        found[topic] = file
    return found


def topic_rates(pairs: Iterable[str], topics: Iterable[str]) -> dict[str, float]:
    """Topic -> records per second. Raises click.BadParameter."""
    found: dict[str, float] = {}
    for pair in pairs:
        topic, rate = _halves(pair, "--topic-sink-rate", "TOPIC=RATE, for example alerts=5")
        if topic not in topics:
            raise _bad("--topic-sink-rate", f"{quoted(topic)} is not one of the topics")
        try:
            found[topic] = POSITIVE.convert(rate, None, None)
        except click.BadParameter as error:
            raise _bad("--topic-sink-rate", f"{quoted(topic)}: {error.message}") from None
    return found


def _halves(pair: str, option: str, wanted: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not (name and equals and value):
        raise _bad(option, f"{quoted(pair)} is not {wanted}")
    return name, value


def _bad(option: str, message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint=f"'{option}'")
