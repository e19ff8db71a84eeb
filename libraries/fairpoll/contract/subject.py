"""The consumer under test, declared once.

From `ATTRIBUTES` are made the options of `fairpoll test`, variables of the suites, arguments of keywords and
the pytest fixture, and the reference.
"""

import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from fairpoll.base.command_line import VARIABLE, program_of, shown
from fairpoll.base.errors import ConsumerError
from fairpoll.base.text import quoted
from fairpoll.contract.attribute import Attribute
from fairpoll.contract.container import CONTAINER, is_contained, name_of_container
from fairpoll.contract.evidence_kinds import EVIDENCE, Evidence
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.contract.source import SQL_PASSWORD, Source, fields_of

# The word for a consumer in suites.
Mode = Literal["sync", "async", "bizon-sync", "bizon-async", "yours"]
MODES = get_args(Mode)
# The name of a consumer that runs already, without a name or a command.
ATTACHED = "attached"
# A name becomes a folder of the recording and a part of a group's name on the cluster.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
# After this many a supervisor gives up, as systemd does by default.
MOST_RESTARTS = 5
# What a consumer promises of the delivery of each message.
AT_LEAST_ONCE, EXACTLY_ONCE = PROMISES = ("at-least-once", "exactly-once")
# Names with another meaning in a recording or in a suite.
TAKEN = {*MODES[:-1], "producer", "run", "charts", "ledger", "samples", "observed"}


def _command(text: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    if is_contained(texts) and not text.strip():
        return ()
    try:
        command = tuple(shlex.split(text))
    except ValueError as error:
        raise ConsumerError(f"CONSUMER cannot be read as a command: {error}") from None
    if not command or not command[0]:
        raise ConsumerError("CONSUMER is empty; write the command, or leave the variable out")
    # In a container the first word may be an argument of the image's entrypoint.
    if VARIABLE.fullmatch(command[0]) and not is_contained(texts):
        raise ConsumerError(
            f"CONSUMER begins with a variable, which only a shell sets; write: {shown(('env', *command))}"
        )
    return command


def _name(text: str, texts: Mapping[str, str]) -> str:
    if not text:
        if is_contained(texts):
            return _name_from(name_of_container(texts))
        return name_of_command(_command(texts["command"], texts)) if texts["command"] else ATTACHED
    if not NAME.fullmatch(text):
        raise ConsumerError(
            f"CONSUMER_NAME: {quoted(text)} is not a name; write at most 60 letters, digits, dots, "
            "underscores and hyphens"
        )
    if text in TAKEN:
        raise ConsumerError(f"CONSUMER_NAME: '{text}' is taken; choose another name")
    return text


def _fields(text: str, texts: Mapping[str, str]) -> Fields:
    try:
        return Fields.parse(text, fields_of(texts["query"]) if texts["evidence"] else OUR_FIELDS)
    except ValueError as error:
        raise ConsumerError(f"CONSUMER_FIELDS: {error}") from None


def _source(text: str, texts: Mapping[str, str]) -> Source | None:
    return Source.parse(text, texts["query"])


def _shows(text: str, texts: Mapping[str, str]) -> tuple[Evidence, ...]:
    kinds = text.replace(",", " ").split()
    for kind in kinds:
        if kind not in EVIDENCE:
            known = ", ".join(EVIDENCE)
            raise ConsumerError(f"SHOWS: {quoted(kind)} is not a kind of evidence; one of: {known}")
    files: tuple[Evidence, ...] = ("records", "contents", "places")
    seen: tuple[Evidence, ...] = ("records",)
    expected = seen if texts["evidence"] else files if texts["fields"] else ()
    return cast(tuple[Evidence, ...], tuple(kinds)) or expected


def _delivery(text: str, _texts: Mapping[str, str]) -> str:
    if text and text not in PROMISES:
        raise ConsumerError(f"DELIVERY: {quoted(text)} is neither {' nor '.join(PROMISES)}")
    return text or AT_LEAST_ONCE


def _yes(variable: str) -> Callable[[str, Mapping[str, str]], bool]:
    """Parses `yes` and `no`; "" is no."""

    def parse(text: str, _texts: Mapping[str, str]) -> bool:
        if text.lower() not in ("", "yes", "no"):
            raise ConsumerError(f"{variable}: {quoted(text)} is neither yes nor no")
        return text.lower() == "yes"

    return parse


ATTRIBUTES: Mapping[str, Attribute] = {
    "command": Attribute(
        "The command to judge, as for a shell: `./my-consumer --flag`. With an image it is run in the "
        "container, as the arguments of `docker run`, and may be left out.",
        "CONSUMER",
        "consumer",
        "",
        _command,
    ),
    **CONTAINER,
    "name": Attribute(
        "Its name in findings, pages and verdict.json: letters, digits, dots, underscores and hyphens.",
        "CONSUMER_NAME",
        "consumer_name",
        "made from the command's program, the image or the service; with ATTACH from the scenario's `group`",
        _name,
    ),
    "evidence": Attribute(
        "Where its records are seen from outside: `topic[:NAME]`, a topic that it writes to; `sql:URL`, a "
        f"database (its password in {SQL_PASSWORD}); `http[:PORT]`, a sink that the run serves at the sink's "
        "rate.",
        "EVIDENCE",
        "evidence",
        "what it prints, writes to files or commits",
        _source,
    ),
    "query": Attribute(
        "For `sql`: the query for all rows so far, with the column `id`, or `topic`, `partition` and "
        "`offset`, and if there is one `time`, when the row was written.",
        "QUERY",
        "query",
        "",
        lambda text, _texts: text,
    ),
    "fields": Attribute(
        "The field mapping of its output files, such as `topic=meta.topic offset=meta.offset`, or of the "
        "records seen from outside, such as `id=value.order.id`.",
        "CONSUMER_FIELDS",
        "fields",
        "the built-in format",
        _fields,
    ),
    "shows": Attribute(
        f"The evidence that it declares, of: {', '.join(EVIDENCE)}. A criterion is skipped if the consumer "
        "neither declares nor leaves its evidence, and INCONCLUSIVE if declared evidence is missing.",
        "SHOWS",
        "shows",
        "what it leaves",
        _shows,
    ),
    "delivery": Attribute(
        "What it promises of each message: `at-least-once`, or `exactly-once`, also across crashes and "
        "rebalances.",
        "DELIVERY",
        "delivery",
        AT_LEAST_ONCE,
        _delivery,
    ),
    "restart": Attribute(
        "`yes`: start it again when it ends in the traffic, as a supervisor would: after 0.5 s, then after "
        f"twice as long each time, at most {MOST_RESTARTS} times. `stays_alive` then accepts these ends.",
        "RESTART",
        "restart",
        "no",
        _yes("RESTART"),
    ),
    "log_on_stdout": Attribute(
        "`yes`: its standard output is a log. Events are read from among its lines, and other lines are "
        "ignored.",
        "LOG_ON_STDOUT",
        "log_on_stdout",
        "no",
        _yes("LOG_ON_STDOUT"),
    ),
    "attach": Attribute(
        "`yes`: it runs already. Nothing of it is started, stopped or commanded, and no command is needed. "
        "It is judged by its commits or by EVIDENCE. The scenario has its `group` and each topic's `name`.",
        "ATTACH",
        "attach",
        "no",
        _yes("ATTACH"),
    ),
}


@dataclass(frozen=True)
class Subject:
    """A consumer under test: its name in findings, reports and the recording, and the command that starts it.

    The command gets its task from environment variables (`fairpoll consume --help`). With an `image`, or a
    `service` of the Compose file `file`, it runs in a container, with the variables of this process that
    `environment` names; the command () is then its own. `mode` is the word of suites for a user's consumer;
    "" for others, whose word is their name.
    """

    name: str
    command: tuple[str, ...]
    fields: Fields = OUR_FIELDS
    shows: tuple[Evidence, ...] = ()
    restart: bool = False
    mode: str = ""
    source: Source | None = None
    delivery: str = AT_LEAST_ONCE
    log_on_stdout: bool = False
    image: str = ""
    environment: tuple[str, ...] = ()
    service: str = ""
    file: str = ""
    attach: bool = False

    @classmethod
    def parse(cls, mode: str, texts: Mapping[str, str]) -> "Subject":
        """A user's consumer from its attributes as text. Raises ConsumerError, and TypeError for others."""
        if unknown := texts.keys() - ATTRIBUTES.keys():
            raise TypeError(f"a consumer has no {', '.join(sorted(unknown))}")
        given = {name: texts.get(name) or "" for name in ATTRIBUTES}
        # The command first: without one nothing else matters, unless the consumer runs already.
        without = not given["command"] and ATTRIBUTES["attach"].parse(given["attach"], given)
        command = () if without else _command(given["command"], given)
        rest = {name: a.parse(given[name], given) for name, a in ATTRIBUTES.items() if name != "command"}
        source = rest.pop("evidence")
        del rest["query"]
        return cls(command=command, mode=mode, source=source, **rest)

    @classmethod
    def built_in(cls, mode: str) -> "Subject":
        """The built-in consumer of this mode, `sync` or `async`."""
        return cls(mode, (sys.executable, "-m", "fairpoll", "consume", "--mode", mode, "--controlled"))

    @property
    def is_contained(self) -> bool:
        """Whether it runs in a container."""
        return bool(self.image or self.service)

    @property
    def is_built_in(self) -> bool:
        return self == Subject.built_in(self.name)

    @property
    def recorded(self) -> "JudgedConsumer":
        """Its entry in run.json and verdict.json."""
        evidence = self.source.text if self.source else ""
        delivery = "" if self.delivery == AT_LEAST_ONCE else self.delivery
        judged = JudgedConsumer(shown(self.command), self.shows, self.restart, evidence, delivery)
        service = f"{self.service} of {self.file}" if self.service else ""
        return replace(
            judged,
            log_on_stdout=self.log_on_stdout,
            attach=self.attach,
            image=self.image,
            service=service,
        )


@dataclass(frozen=True)
class JudgedConsumer:
    """A consumer that is not built in: its command line, without secrets, and what was declared of it.

    `evidence` is where its records were seen from outside, `delivery` its promise if that is more than
    at-least-once. It ran in a container of the `image`, or of the `service`, `NAME of FILE`; "" for none.
    at-least-once. `attach`: it ran before the run, which started and stopped nothing of it.
    """

    command: str
    shows: tuple[str, ...]
    restart: bool = False
    evidence: str = ""
    delivery: str = ""
    log_on_stdout: bool = False
    attach: bool = False
    image: str = ""
    service: str = ""

    @property
    def started(self) -> str:
        """What was started, for people: the command, or the container and what was run in it."""
        return f"{self.image or self.service} {self.command}".strip()

    @property
    def seen_in(self) -> str:
        """The kind of sink in which its records were seen from outside, "" for none."""
        return self.evidence.partition(":")[0]


def name_of_command(command: Sequence[str]) -> str:
    """The name of the command's program: `consumer.py` for `python my/consumer.py --fast`."""
    return _name_from(program_of(command))


def _name_from(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-_")[:60]
    return f"your-{name}" if name in TAKEN else name or "yours"


def names_by_mode(subjects: Sequence[Subject]) -> dict[str, str]:
    """The word of suites for each consumer -> its name."""
    return {subject.mode or subject.name: subject.name for subject in subjects}
