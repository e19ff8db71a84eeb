"""What poller.py and sink.py share: a preloaded local broker, readers in turns, and their figures as a table.

Each reader is a process of its own: its script, called as `SCRIPT read NAME SERVERS MESSAGES TOPIC...`,
prints its figures as JSON on its last line.
"""

import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import confluent_kafka

from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry

RUN_SECONDS = 300

Figures = dict[str, float]
Seen = Mapping[str, Sequence[Figures]]


def options(messages: int, size: int, size_told: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of a comparison, with the messages and their size by default, and its description."""
    several = {"multiple": True, "show_default": True}
    added = (
        click.option("--messages", default=messages, show_default=True),
        click.option("--size", "sizes", type=int, default=(size,), help=size_told, **several),
        click.option(
            "--shape", "shapes", default=("1x4",), help="Topics, and partitions of each.", **several
        ),
        click.option("--rounds", default=7, show_default=True),
        click.option("--only", multiple=True, help="Only this one; once for each."),
        click.option(
            "--json", "json_file", type=click.Path(path_type=Path), help="Where the figures go as JSON."
        ),
    )

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(added):
            command = option(command)
        return command

    return add


@dataclass(frozen=True)
class Layout:
    """What is preloaded: the number of messages, their bytes, the topics and the partitions of each."""

    messages: int
    size: int
    topics: int
    partitions: int

    def __str__(self) -> str:
        def some(count: int, what: str) -> str:
            return f"{count} {what}" if count == 1 else f"{count} {what}s"

        where = f"{some(self.topics, 'topic')} with {some(self.partitions, 'partition')}"
        return f"{self.messages:,} messages of {self.size:,} bytes on {where}{' each' * (self.topics > 1)}"


class Broker:
    """A local broker to preload and read from."""

    def __init__(self, servers: str, create: Callable[[Mapping[str, int]], None], description: str) -> None:
        self.servers = servers
        self.description = description
        self._create = create

    def preload(self, layout: Layout, value: Callable[[int, int], bytes]) -> list[str]:
        """Topics of this layout, full of what `value` makes of a message's number and size; their names."""
        name = uuid.uuid4().hex[:8]
        topics = [f"preloaded-{name}-{number}" for number in range(layout.topics)]
        self._create(dict.fromkeys(topics, layout.partitions))
        producer = confluent_kafka.Producer(
            {
                "bootstrap.servers": self.servers,
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 2_000_000,
                "linger.ms": 20,
            }
        )
        for number in range(layout.messages):
            partition, topic = divmod(number, layout.topics)
            body = value(number, layout.size)
            producer.produce(topics[topic], value=body, partition=partition % layout.partitions)
        if producer.flush(240):
            raise click.ClickException("not all messages could be preloaded")
        return topics


@contextmanager
def local_broker() -> Iterator[Broker]:
    """A local Apache Kafka of one broker, gone at the end."""
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry()
        cluster = open_cluster("local", ClusterOptions(Path(folder)), registry, warn=click.echo)
        try:
            servers = cluster.client_config["bootstrap.servers"]
            yield Broker(servers, cluster.create_topics, cluster.description)
        finally:
            cluster.stop()
            registry.close()


def in_turns(names: Sequence[str], rounds: int, measure: Callable[[str], Figures]) -> Seen:
    """All of them once in each round, so that whatever the machine does meanwhile befalls all.

    The order turns by one each round: nobody always follows the same other.
    """
    seen: dict[str, list[Figures]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in [*names[shift:], *names[:shift]]:
            seen[name].append(measure(name))
        click.echo(f"round {number + 1} of {rounds}", err=True)
    return seen


def measured(script: str, name: str, servers: str, layout: Layout, topics: Sequence[str]) -> Figures:
    """The figures of one reader of this script, in a process of its own."""
    command = [sys.executable, script, "read", name, servers, str(layout.messages), *topics]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_SECONDS)
    if done.returncode:
        raise click.ClickException(f"{name}: {done.stderr[-2000:]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


class Watch:
    """Time and processor time from the first records on, so that no start and no join counts."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None
        self._before = 0
        self.seen = 0
        self.figures: Figures = {}

    def count(self, records: int) -> int:
        """So many more have come; how many in all. The first ones set the clock going and do not count."""
        if records:
            self.seen += records
            if self._began is None:
                self._began = (time.monotonic(), _cpu_seconds())
                self._before = self.seen
        return self.seen

    def stop(self) -> None:
        """The last record has been dealt with."""
        if self._began is None:
            raise click.ClickException("nothing was read")
        since, cpu = self._began
        timed = self.seen - self._before
        self.figures = {
            "per_second": timed / (time.monotonic() - since),
            "cpu_per_million": (_cpu_seconds() - cpu) / timed * 1e6,
            "peak_mib": _peak_mib(),
        }


def _peak_mib() -> float:
    """The peak of this process alone: `getrusage` begins with the memory of the process that started it."""
    status = Path("/proc/self/status").read_text("utf-8")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def until(messages: int, read_some: Callable[[], int]) -> Figures:
    """Read until there have been so many."""
    watch = Watch()
    while watch.count(read_some()) < messages:
        pass
    watch.stop()
    return watch.figures


def client_config(servers: str) -> dict[str, str | int | bool]:
    """A plain consumer's, in a group of its own, from the beginning on."""
    return {
        "bootstrap.servers": servers,
        "group.id": uuid.uuid4().hex,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }


def table(seen: Seen, yardstick: str) -> str:
    """Medians over the rounds, with the lowest and the highest; ratios within a round."""
    lines = [
        f"| reader | messages/s | lowest to highest | of {yardstick} | lowest to highest | CPU s per million "
        "| peak MiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, rounds in seen.items():
        rates = [one["per_second"] for one in rounds]
        cpu = statistics.median(one["cpu_per_million"] for one in rounds)
        peak = statistics.median(one["peak_mib"] for one in rounds)
        ratio, spread = ratios(seen, name, yardstick)
        lines.append(
            f"| {name} | {statistics.median(rates):,.0f} | {min(rates):,.0f} to {max(rates):,.0f} "
            f"| {ratio} | {spread} | {cpu:.2f} | {peak:.0f} |"
        )
    return "\n".join(lines)


def ratios(seen: Seen, name: str, yardstick: str) -> tuple[str, str]:
    """The median of one's rate to the other's in the same round, and the lowest and highest."""
    if yardstick not in seen:
        return "-", "-"
    both = zip(seen[name], seen[yardstick], strict=True)
    found = [one["per_second"] / other["per_second"] for one, other in both]
    return f"{statistics.median(found):.2f}", f"{min(found):.2f} to {max(found):.2f}"


def save(path: Path | None, broker: Broker, found: Sequence[tuple[Layout, Seen]]) -> None:
    """All figures of all rounds as JSON."""
    if path:
        made = {
            "on": f"{broker.description}, Python {platform.python_version()}, "
            f"confluent-kafka {confluent_kafka.__version__}",
            "runs": [{"layout": asdict(layout), "rounds": seen} for layout, seen in found],
        }
        path.write_text(json.dumps(made, indent=1) + "\n", "utf-8")


def layouts(messages: int, sizes: Sequence[int], shapes: Sequence[str]) -> list[Layout]:
    """Every size on every shape, `1x4` being one topic with four partitions."""
    shaped = [tuple(map(int, shape.split("x"))) for shape in shapes]
    return [Layout(messages, size, topics, parts) for topics, parts in shaped for size in sizes]
