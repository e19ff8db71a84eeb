"""`fairpoll watch`: how long messages wait for a live group, without taking part in it."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import click
import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fairpoll.base.errors import FairpollError
from fairpoll.base.text import plain, quoted
from fairpoll.cli.judging import COULD_NOT_RUN, EXIT_CODES, JudgingCommand
from fairpoll.cli.options import POSITIVE, TOPIC, bootstrap_option, option
from fairpoll.cli.process import connection, stop_on_signals
from fairpoll.scenarios.units import parse_duration
from fairpoll.verdicts.verdict_json import worst
from fairpoll.watch.budgets import Budgets
from fairpoll.watch.group import Row, State
from fairpoll.watch.metrics import served
from fairpoll.watch.watcher import watch as samples

MOST_ROWS = 30
# Without a terminal, a line this often (seconds).
LINE_SECONDS = 10.0
COLUMNS = ("partition", "oldest waits", "answer", "lag", "records/s", "no commit for", "owner", "note")


def _topics(
    context: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> dict[str, float | None]:
    """Each topic with its budget in seconds, None without one. Raises click.BadParameter."""
    found: dict[str, float | None] = {}
    for text in texts:
        topic, equals, time = text.partition("=")
        if not TOPIC.fullmatch(topic):
            raise click.BadParameter(f"{quoted(topic)} is not the name of a topic")
        found[topic] = _duration(context, parameter, time) if equals else None
    return found


def _duration(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """The time in seconds. Raises click.BadParameter."""
    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(
    cls=JudgingCommand,
    short_help="Watch a live consumer group.",
    help="""Watch a live consumer group that is not under test: how long its oldest message has been waiting.

The age is that of the oldest record that the group has not committed, read from its partition and not
interpolated; nothing is committed, and no group is joined. A topic that the group never committed is shown,
too. With a budget for a topic, as --topic alerts=5s, the verdict is given at the end or on Ctrl-C.

Exit code 0: every budget was kept. 1: a message waited longer. 2: it could not be decided. 3: the group could
not be watched.

Example: fairpoll watch --bootstrap-servers broker:9092 --group billing --topic alerts=5s --for "10 minutes"
""",
)
@bootstrap_option
@option("--group", required=True, help="The consumer group.")
@option(
    "--topic",
    "topics",
    multiple=True,
    callback=_topics,
    metavar="TOPIC[=TIME]",
    help="A topic to watch though nobody has committed in it yet; with the longest time that a message may "
    "wait, such as alerts=5s. Topics that the group reads are watched anyway.",
)
@option("--interval", type=POSITIVE, default=1.0, help="Seconds between two samples.")
@option(
    "--for",
    "duration",
    metavar="TIME",
    callback=_duration,
    help="How long, such as 90s.  [default: until Ctrl-C]",
)
@option(
    "--json", "as_json", is_flag=True, help="Print an object for each sample, one a line, and one verdict."
)
@option(
    "--metrics-port",
    type=click.IntRange(1, 65_535),
    help="Serve Prometheus metrics at this port.  [default: no metrics]",
)
@option("--metrics-host", default="127.0.0.1", help="The address at which metrics are served.")
def watch(
    *,
    bootstrap_servers: str,
    group: str,
    topics: Mapping[str, float | None],
    interval: float,
    duration: float | None,
    as_json: bool,
    metrics_port: int | None,
    metrics_host: str,
) -> None:
    """Sample the group until the time is over, show each sample, and give the verdict."""
    budgets = Budgets({topic: budget for topic, budget in topics.items() if budget is not None})
    stop = threading.Event()
    stop_on_signals(stop.set)
    if duration is not None:
        timer = threading.Timer(duration, stop.set)
        timer.daemon = True
        timer.start()
    try:
        with ExitStack() as stack:
            receivers: list[Callable[[State], object]] = [budgets.take, stack.enter_context(_shown(as_json))]
            if metrics_port:
                receivers.append(stack.enter_context(served(group, metrics_port, metrics_host)).show)
            for state in samples(connection(bootstrap_servers), group, topics, interval, stop, _warn):
                for receive in receivers:
                    receive(state)
    except FairpollError as error:
        click.echo(f"fairpoll: {error}", err=True)
        sys.exit(COULD_NOT_RUN)
    judgements = budgets.judged()
    # Without a budget there is nothing to fail.
    verdict = worst(judgement.status for judgement in judgements) if judgements else "pass"
    if as_json:
        click.echo(_dumped({"verdict": verdict, "judgements": judgements}))
    else:
        for judgement in judgements:
            click.echo(f"{judgement.status.upper()}: {plain(judgement.sentence)}")
    sys.exit(EXIT_CODES[verdict])


def _warn(reason: str) -> None:
    click.echo(f"a sample failed: {reason}", err=True)


@contextmanager
def _shown(as_json: bool) -> Iterator[Callable[[State], object]]:
    """A function that shows one state: as a line of JSON, in a table on the terminal, or now and then."""
    if as_json:
        yield lambda state: click.echo(_dumped(_state(state)))
    elif sys.stdout.isatty():
        with Live(console=Console(), auto_refresh=False) as live:
            yield lambda state: live.update(_table(state), refresh=True)
    else:
        yield _Lines()


class _Lines:
    """Without a terminal: prints the partition that waits longest, a line every LINE_SECONDS."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, state: State) -> None:
        if state.seconds < self._next:
            return
        self._next = state.seconds + LINE_SECONDS
        longest = state.worst
        cells = ", ".join(filter(None, _cells(longest)[:4])) if longest else "no partitions"
        click.echo(f"second {state.seconds:.0f}: {state.state}, {state.members} members; longest: {cells}")


def _table(state: State) -> Table:
    """The partitions that have been waiting longest, the possibly longest first where no commit is known."""
    rows = sorted(state.rows, key=lambda row: row.waiting.at_most, reverse=True)
    backward = sum(state.backward.values())
    counts = (
        f"{state.members} members, {state.left} have left, {state.moved} partitions moved, "
        f"{backward} commits went back"
    )
    more = f"; {len(rows) - MOST_ROWS} more partitions" if len(rows) > MOST_ROWS else ""
    table = Table(caption=Text(f"{state.state}: {counts}{more}"), caption_justify="left")
    for number, name in enumerate(COLUMNS):
        table.add_column(name, justify="right" if number in (1, 3, 4, 5) else "left")
    for row in rows[:MOST_ROWS]:
        table.add_row(*map(Text, _cells(row)))  # as Text: a name in brackets is not markup
    return table


def _cells(row: Row) -> tuple[str, ...]:
    waiting = row.waiting
    waits = f"{waiting.seconds:.1f} s"
    if waiting.at_most > waiting.seconds:
        waits = f"{waiting.seconds:.1f} to {waiting.at_most:.1f} s"
    return (
        f"{plain(row.topic)}/{row.partition}",
        "" if waiting.kind in ("none", "ahead", "unknown") else waits,
        waiting.kind,
        f"{waiting.lag:,}",
        f"{row.rate:.1f}",
        f"{row.stalled_seconds:.0f} s" if waiting.kind != "none" else "",
        plain(row.owner),
        plain(waiting.note),
    )


def _state(state: State) -> dict[str, object]:
    shares = state.shares()
    return {
        "timestamp": round(state.at_ms, 3),
        "seconds": round(state.seconds, 3),
        "state": state.state,
        "members": state.members,
        "left": state.left,
        "moved": state.moved,
        "backward": sum(state.backward.values()),
        "shares": {topic: round(share, 4) for topic, share in shares.items()},
        "partitions": [
            {
                "topic": row.topic,
                "partition": row.partition,
                "answer": row.waiting.kind,
                "seconds": round(row.waiting.seconds, 3),
                "at_most_seconds": round(row.waiting.at_most, 3),
                "lag": row.waiting.lag,
                "offset": row.waiting.offset,
                "committed": row.committed,
                "rate": round(row.rate, 3),
                "stalled_seconds": round(row.stalled_seconds, 3),
                "commit_seconds": round(row.commit_seconds, 3),
                "owner": row.owner,
                "note": row.waiting.note,
            }
            for row in state.rows
        ],
    }


def _dumped(data: object) -> str:
    return orjson.dumps(data).decode()
