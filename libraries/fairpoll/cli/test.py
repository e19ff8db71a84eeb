"""`fairpoll test`: judges a consumer of the user with the packaged suites, which Robot Framework runs."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from fairpoll.base.disk import writing_to
from fairpoll.base.errors import FairpollError
from fairpoll.cli.judging import COULD_NOT_RUN, EXIT_CODES, JudgingCommand
from fairpoll.cli.options import NEW_FOLDER, POSITIVE, SERVERS, checked_servers, option, subject_options
from fairpoll.cluster import KINDS
from fairpoll.contract.subject import ATTRIBUTES, Subject, name_of_command
from fairpoll.evidence import layout
from fairpoll.reports.outcome import outcome
from fairpoll.run.attached import require_attachable
from fairpoll.run.modes import is_given
from fairpoll.run.startable import check_can_start
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import NAME_ORDERS
from fairpoll.scenarios.packaged import SPECIFIED, find_scenario
from fairpoll.verdicts.expectation import THRESHOLDS, Threshold, Thresholds

SUITES = Path(__file__).parents[1] / "suites"
SUITE = "your_consumer"
# Robot's own exit codes from here on mean that it was interrupted or had nothing to run.
ROBOTS_OWN = 251


class _Judging(JudgingCommand):
    unknown_hint = " Is it the consumer's? Then put the command into quotes."

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing and not is_given(ctx.params):
            (command,) = (one for one in self.params if one.name == "command")
            raise click.MissingParameter(
                "Or name a container with --image, or with --service and --file.", ctx, command
            )
        return rest


def _servers(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    return checked_servers(context, parameter, text) if text else text


def _threshold_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each threshold of the plain expectation."""
    defaults = Thresholds().texts
    for name, threshold in reversed(list(THRESHOLDS.items())):
        option_name, check = f"--{name.replace('_', '-')}", partial(_checked, threshold)
        shown = {"show_default": defaults[name], "help": threshold.help}
        command = click.option(option_name, metavar="VALUE", callback=check, **shown)(command)
    return command


def _checked(
    threshold: Threshold, _context: click.Context, _option: click.Parameter, text: str | None
) -> float | str | None:
    """The threshold's number; None if it was not given, "-" for no criterion."""
    if not text or (text == "-" and threshold.only_specified):
        return text or None
    try:
        return threshold.parse(text)
    except ValueError as error:
        alternative = ", or - for no criterion" if threshold.only_specified else ""
        raise click.BadParameter(f"{error}{alternative}") from None


@click.command(cls=_Judging, short_help="Judge a consumer of yours.")
@click.argument("command", required=False, default="")
@subject_options
@click.option(
    "--cluster",
    type=click.Choice(list(KINDS)),
    show_default="local, or mock where there is no Java",
    help="Where the brokers come from.",
)
@click.option("--brokers", type=click.Choice(["1", "3"]), default="1", help="How many; faults need 3.")
@click.option(
    "--bootstrap-servers", callback=_servers, metavar=SERVERS, help="Where an external cluster answers."
)
@click.option(
    "--prefix",
    show_default="nothing for topics, fairpoll. for groups",
    help="What the names of all topics and groups that a run makes begin with, such as 'team-a.'.",
)
@option("--security-protocol", envvar="SECURITY_PROTOCOL", help="Of an external cluster, such as SASL_SSL.")
@option("--sasl-mechanism", envvar="SASL_MECHANISM", help="Such as SCRAM-SHA-512.")
@option("--sasl-username", envvar="SASL_USERNAME", help="Its password is taken from SASL_PASSWORD.")
@option("--ssl-ca-location", envvar="SSL_CA_LOCATION", help="The file of the certificates to trust.")
@click.option(
    "--speed",
    type=POSITIVE,
    default=1.0,
    help="Divides every interval of the scenario and multiplies the sink's rate.",
)
@click.option(
    "--scenario", show_default="specified.yaml", help="A scenario file, or the name of a packaged one."
)
@click.option(
    "--names",
    type=click.Choice(NAME_ORDERS),
    show_default="as in the scenario; both if both topics have a backlog",
    help="How the topics' names sort: many clients serve topics in the order of their names. `both` runs and "
    "judges both orders at the same time, with twice as many consumers.",
)
@_threshold_options
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
    type=NEW_FOLDER,
    default="results",
    help="Where pages, verdict.json and evidence go.",
)
def test(**options: Any) -> None:
    """Run COMMAND beside a plain loop on the same traffic, judge it, and print the verdict.

    COMMAND is one argument, as for a shell: "./my-consumer --flag". It gets topics, group and sink rate in
    environment variables that begin with FAIRPOLL_, and runs in this folder, or in a container.

    Without --suite and --include it is judged on the specified scenario. In the other packaged suites, such
    as scenarios and faults, it runs in the place of the built-in async consumer.

    With --attach yes the consumer runs already, and COMMAND is left out.

    Exit code 0: pass. 1: fail. 2: inconclusive, the run could not decide. 3: it could not be run.
    """
    try:
        folder: Path = options["output_folder"]
        arguments = robot_arguments(options)
        check_can_start(subject_of(options), partial(click.echo, err=True))
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


def subject_of(options: Mapping[str, Any]) -> Subject:
    """The consumer; one that runs already, without a name or a command, is named after its group."""
    subject = Subject.parse("yours", {name: options[name] for name in ATTRIBUTES})
    if options["name"] or subject.command or not subject.attach:
        return subject
    group = load_scenario(find_scenario(options["scenario"] or SPECIFIED)).group
    return replace(subject, name=name_of_command([group])) if group else subject


def robot_arguments(options: Mapping[str, Any]) -> list[str]:
    """The command line of `robot` for these options. Raises FairpollError if they cannot be run."""
    subject = subject_of(options)  # raises for an invalid value
    scenario = find_scenario(options["scenario"]).resolve() if options["scenario"] else None
    if scenario or subject.attach:
        require_attachable(load_scenario(scenario or find_scenario(SPECIFIED)), subject)
    if options["bootstrap_servers"] and options["cluster"] not in (None, "external"):
        raise FairpollError(f"--bootstrap-servers is for --cluster external, not {options['cluster']}")
    cluster = "external" if options["bootstrap_servers"] else options["cluster"]
    names = ("brokers", "prefix", "bootstrap_servers", "security_protocol", "sasl_mechanism", "sasl_username")
    thresholds, has_counts = _thresholds(options)
    variables = {
        "CLUSTER": cluster,
        "SPEED": f"{options['speed']:g}",
        "SCENARIO": scenario,
        "NAMES": options["names"],
        **{attribute.variable: options[name] for name, attribute in ATTRIBUTES.items()},
        "CONSUMER_NAME": subject.name if subject.attach else options["name"],
        **{name.upper(): options[name] for name in (*names, "ssl_ca_location")},
        **thresholds,
    }
    set_variables = [f"{name}:{value}" for name, value in variables.items() if value]
    tags = [word for tag in options["tags"] for word in ("--include", tag)]
    if not has_counts:
        tags += ["--exclude", "counts"]
    return [
        *("--outputdir", str(options["output_folder"]), "--xunit", "xunit.xml", "--console", "quiet"),
        *(word for variable in (*set_variables, *options["variables"]) for word in ("--variable", variable)),
        *tags,
        *map(str, _suites(options["suites"], bool(options["tags"]))),
    ]


def _thresholds(options: Mapping[str, Any]) -> tuple[dict[str, str], bool]:
    """The variables of thresholds that differ from the suite's, and whether any counts are judged."""
    given = {name: options[name] for name in THRESHOLDS if options[name] is not None}
    numbers = {name: None if value == "-" else value for name, value in given.items()}
    texts = Thresholds.for_scenario(options["scenario"] or SPECIFIED, **numbers).texts
    suite = Thresholds().texts
    variables = {name.upper(): text for name, text in texts.items() if text != suite[name]}
    return variables, any(texts[name] != "-" for name, one in THRESHOLDS.items() if one.only_specified)


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
