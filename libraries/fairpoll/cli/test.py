"""`fairpoll test`: judges a consumer of the user with the packaged suites, which Robot Framework runs."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from fairpoll.base.disk import writing_to
from fairpoll.base.errors import FairpollError
from fairpoll.cli.options import FiniteRange, checked_servers, option
from fairpoll.cluster import KINDS
from fairpoll.evidence import layout
from fairpoll.reports.outcome import EXIT_CODES, outcome
from fairpoll.run.modes import KINDS_OF_EVIDENCE, Yours
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.packaged import find_scenario
from fairpoll.scenarios.units import parse_duration, parse_share

SUITES = Path(__file__).parents[1] / "suites"
SUITE = "your_consumer"
COULD_NOT_RUN = 3
# Robot's own exit codes from here on mean that it was interrupted or had nothing to run.
ROBOTS_OWN = 251
# Counts of records hold for the specified scenario only.
COUNTS = ("high_at_least", "low_at_least", "low_at_most", "low_share_at_least")


class _NotRun(click.UsageError):
    exit_code = COULD_NOT_RUN


class _Judging(click.Command):
    """A command whose wrong options have the exit code COULD_NOT_RUN."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **extra)
        except click.UsageError as error:
            hint = " Is it the consumer's? Then put the command into quotes."
            more = hint if isinstance(error, click.NoSuchOption) else ""
            raise _NotRun(error.format_message() + more, error.ctx) from None


def _checked(
    parse: Callable[[str], object],
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A callback that rejects a value for which `parse` raises ValueError."""

    def check(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
        if text:
            try:
                parse(text)
            except ValueError as error:
                raise click.BadParameter(str(error)) from None
        return text

    return check


def _records(text: str) -> None:
    if text != "-" and not re.fullmatch(r"[0-9]{1,12}", text):
        raise ValueError(
            f"'{text}' is not a number of records; write for example 1000, or - for no criterion"
        )


def _share(text: str) -> None:
    if text != "-":
        parse_share(text)


def _servers(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    return checked_servers(context, parameter, text) if text else text


def _threshold(
    name: str, default: str, explanation: str, parse: Callable[[str], object]
) -> Callable[..., Any]:
    return click.option(
        name, show_default=default, metavar="VALUE", callback=_checked(parse), help=explanation
    )


@click.command(cls=_Judging, short_help="Judge a consumer of yours.")
@click.argument("command")
@click.option("--name", show_default="made from the command", help="Its name in findings and pages.")
@click.option(
    "--cluster",
    type=click.Choice(list(KINDS)),
    show_default="local, or mock where there is no Java",
    help="Where the brokers come from.",
)
@click.option("--brokers", type=click.Choice(["1", "3"]), default="1", help="How many; faults need 3.")
@click.option(
    "--bootstrap-servers",
    callback=_servers,
    metavar="HOST:PORT[,...]",
    help="Where an external cluster answers.",
)
@option("--security-protocol", envvar="SECURITY_PROTOCOL", help="Of an external cluster, such as SASL_SSL.")
@option("--sasl-mechanism", envvar="SASL_MECHANISM", help="Such as SCRAM-SHA-512.")
@option("--sasl-username", envvar="SASL_USERNAME", help="Its password is taken from SASL_PASSWORD.")
@option("--ssl-ca-location", envvar="SSL_CA_LOCATION", help="The file of the certificates to trust.")
@click.option(
    "--speed",
    type=FiniteRange(min=0, min_open=True),
    default=1.0,
    help="Divides every interval of the scenario and multiplies the sink's rate.",
)
@click.option(
    "--scenario", show_default="specified.yaml", help="A scenario file, or the name of a packaged one."
)
@click.option("--fields", help="Maps its output files, such as 'topic=meta.topic offset=meta.offset'.")
@click.option(
    "--shows",
    show_default="what it leaves",
    help=f"The evidence that it declares, of: {', '.join(KINDS_OF_EVIDENCE)}.",
)
@_threshold("--wait-at-most", "5 s", "Longest wait of a low-volume message.", parse_duration)
@_threshold("--throughput-at-least", "95%", "Share of the plain loop's throughput.", _share)
@_threshold("--silent-at-most", "10 s", "Longest silence while messages wait.", parse_duration)
@_threshold("--high-at-least", "1000", "Records of the high-volume topics, or -.", _records)
@_threshold("--low-at-least", "20", "Records of the low-volume topics, or -.", _records)
@_threshold("--low-at-most", "-", "Records of the low-volume topics, or -.", _records)
@_threshold("--low-share-at-least", "1%", "Low-volume share of all records, or -.", _share)
@click.option("--suite", "suites", multiple=True, help="Another packaged suite, or a file; once for each.")
@click.option(
    "--include",
    "tags",
    multiple=True,
    metavar="TAG",
    help="Only tests with this tag, of all packaged suites.",
)
@click.option(
    "--variable", "variables", multiple=True, metavar="NAME:VALUE", help="Another variable of the suites."
)
@click.option(
    "--output-folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    help="Where pages, verdict.json and evidence go.",
)
def test(**options: Any) -> None:
    """Run COMMAND beside a plain loop on the same traffic, judge it, and print the verdict.

    COMMAND is one argument, as for a shell: "./my-consumer --flag". It gets topics, group and sink rate in
    environment variables that begin with FAIRPOLL_, and runs in this folder.

    Without --suite and --include it is judged on the specified scenario. In the other packaged suites, such
    as scenarios and faults, it runs in the place of the built-in async consumer.

    Exit code 0: pass. 1: fail. 2: inconclusive, the run could not decide. 3: it could not be run.
    """
    try:
        folder: Path = options["output_folder"]
        arguments = robot_arguments(options)
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name in (layout.VERDICT, "summary.html"):  # an earlier verdict is not this run's
                (folder / name).unlink(missing_ok=True)
        status = _run([sys.executable, "-m", "robot", *arguments])
        text, verdict = outcome(folder)
        if status >= ROBOTS_OWN:
            text, verdict = f"{text}\nRobot Framework ended early, with exit code {status}", ""
    except FairpollError as error:
        text, verdict = f"fairpoll: {error}", ""
    click.echo(text, err=not verdict)
    sys.exit(EXIT_CODES.get(verdict, COULD_NOT_RUN))


def robot_arguments(options: Mapping[str, Any]) -> list[str]:
    """The command line of `robot` for these options. Raises FairpollError if they cannot be run."""
    text = {name: options[name] or "" for name in ("command", "fields", "name", "shows")}
    Yours(**text).as_mode("yours")  # raises for an invalid value
    scenario = find_scenario(options["scenario"]).resolve() if options["scenario"] else None
    if scenario:
        load_scenario(scenario)
    if options["bootstrap_servers"] and options["cluster"] not in (None, "external"):
        raise FairpollError(f"--bootstrap-servers is for --cluster external, not {options['cluster']}")
    cluster = "external" if options["bootstrap_servers"] else options["cluster"]
    names = ("brokers", "bootstrap_servers", "security_protocol", "sasl_mechanism", "sasl_username")
    thresholds = ("wait_at_most", "throughput_at_least", "silent_at_most", *COUNTS)
    variables = {
        "CLUSTER": cluster,
        "SPEED": f"{options['speed']:g}",
        "CONSUMER": options["command"],
        "CONSUMER_NAME": options["name"],
        "CONSUMER_FIELDS": options["fields"],
        "SHOWS": options["shows"],
        "SCENARIO": scenario,
        **{name.upper(): options[name] for name in (*names, "ssl_ca_location", *thresholds)},
    }
    given = [f"{name}:{value}" for name, value in variables.items() if value]
    tags = [word for tag in options["tags"] for word in ("--include", tag)]
    if options["scenario"] and not any(options[name] for name in COUNTS):
        tags += ["--exclude", "counts"]
    return [
        *("--outputdir", str(options["output_folder"]), "--xunit", "xunit.xml", "--console", "quiet"),
        *(word for variable in (*given, *options["variables"]) for word in ("--variable", variable)),
        *tags,
        *map(str, _suites(options["suites"], bool(options["tags"]))),
    ]


def _suites(names: Iterable[str], by_tag: bool) -> list[Path]:
    found = []
    for name in names:
        packaged = [
            path for path in sorted(SUITES.iterdir()) if name in (path.stem.partition("__")[2], path.name)
        ]
        if not packaged and not Path(name).exists():
            known = ", ".join(sorted(path.stem.partition("__")[2] for path in SUITES.glob("[0-9]*")))
            raise FairpollError(f"no suite '{name}': neither a file nor one of: {known}")
        found += packaged or [Path(name)]
    return found or ([SUITES] if by_tag else _suites([SUITE], by_tag=False))


def _run(command: list[str]) -> int:
    """Run Robot until its end, and return its exit code; it gets each signal once.

    Its console goes to standard error, since standard output is for the verdict.
    """
    with subprocess.Popen(command, stdout=sys.stderr, start_new_session=True) as robot, _forwarding(robot):
        return robot.wait()


@contextmanager
def _forwarding(process: "subprocess.Popen[bytes]") -> Any:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def forward(number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(number)

    for number in before:
        signal.signal(number, forward)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
