"""How fast is the fair poller, against a bare loop and other clients, on the same preloaded topics?

    python benchmarks/poller.py
    python benchmarks/poller.py --messages 300000 --size 1000 --partitions 100 --rounds 7

Each reads everything once, in a process of its own and a group of its own, without a sink; in each round
all take their turn, so that whatever the machine does meanwhile befalls all. Told are medians over the
rounds, their spread, and the ratio to the bare loop within a round. kafka-python and aiokafka take part
where they are installed.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import click
import confluent_kafka

from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.consumers import ConsumerConfig, FairConsumer
from fairpoll.consumers.sink import FileSink
from fairpoll.events import EventWriter
from fairpoll.scenario import PollSettings

TOPIC = "preloaded"
RUN_SECONDS = 300


@click.group(invoke_without_command=True)
@click.option("--messages", default=300_000, show_default=True)
@click.option("--size", default=100, show_default=True, help="Bytes of a message.")
@click.option("--partitions", default=4, show_default=True)
@click.option("--rounds", default=7, show_default=True)
@click.option("--only", multiple=True, help="Only this one; once for each.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where the figures go as JSON.")
@click.pass_context
def main(
    context: click.Context,
    *,
    messages: int,
    size: int,
    partitions: int,
    rounds: int,
    only: tuple[str, ...],
    json_file: Path | None,
) -> None:
    """Read the same preloaded topic with each of them, in turns, and compare."""
    if context.invoked_subcommand:
        return
    names = [name for name in READERS if (name in only or not only) and _can_run(name)]
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry()
        cluster = open_cluster("local", ClusterOptions(Path(folder)), registry, warn=click.echo)
        try:
            servers = cluster.client_config["bootstrap.servers"]
            cluster.create_topics({TOPIC: partitions})
            _preload(servers, messages, size, partitions)
            for number in range(1, rounds + 1):
                for name in names:
                    seen[name].append(_measured(name, servers, messages))
                click.echo(f"round {number} of {rounds}", err=True)
        finally:
            cluster.stop()
            registry.close()
    made = f"{messages:,} messages of {size} bytes on {partitions} partitions, {rounds} rounds"
    click.echo(f"{made}, {cluster.description}\n\n{_table(seen)}")
    if json_file:
        json_file.write_text(json.dumps({"what": made, "rounds": seen}, indent=1) + "\n", "utf-8")


def _table(seen: dict[str, list[dict[str, float]]]) -> str:
    lines = [
        "| reader | messages/s | spread | of the bare loop | CPU s per million | peak MiB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    bare = [one["per_second"] for one in seen.get("bare consume(1000)", [])]
    for name, rounds in seen.items():
        rates = [one["per_second"] for one in rounds]
        ratio = f"{statistics.median(r / b for r, b in zip(rates, bare, strict=True)):.2f}" if bare else "-"
        spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
        cpu = statistics.median(one["cpu_per_million"] for one in rounds)
        peak = statistics.median(one["peak_mib"] for one in rounds)
        lines.append(
            f"| {name} | {statistics.median(rates):,.0f} | {spread} | {ratio} | {cpu:.2f} | {peak:.0f} |"
        )
    return "\n".join(lines)


def _preload(servers: str, messages: int, size: int, partitions: int) -> None:
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": servers, "queue.buffering.max.messages": 2_000_000, "linger.ms": 20}
    )
    for number in range(messages):
        producer.produce(TOPIC, value=b"x" * size, partition=number % partitions)
    if producer.flush(120):
        raise click.ClickException("not all messages could be preloaded")


def _measured(name: str, servers: str, messages: int) -> dict[str, float]:
    command = [sys.executable, __file__, "read", name, servers, str(messages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_SECONDS)
    if done.returncode:
        raise click.ClickException(f"{name}: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


@main.command(hidden=True)
@click.argument("name")
@click.argument("servers")
@click.argument("messages", type=int)
def read(name: str, servers: str, messages: int) -> None:
    """Read so many with this one and print the figures; timed from the first record on."""
    first_at, last_at = READERS[name](servers, messages)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    figures = {
        "per_second": messages / (last_at - first_at),
        "cpu_per_million": cpu / messages * 1e6,
        "peak_mib": usage.ru_maxrss / 1024,
    }
    click.echo(json.dumps(figures))


Span = tuple[float, float]


def _config(servers: str) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": servers,
        "group.id": uuid.uuid4().hex,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }


def bare(servers: str, messages: int) -> Span:
    client = confluent_kafka.Consumer(_config(servers))
    client.subscribe([TOPIC])
    return _count(messages, lambda: len(client.consume(1000, 1)))


def poll(servers: str, messages: int) -> Span:
    client = confluent_kafka.Consumer(_config(servers))
    client.subscribe([TOPIC])
    return _count(messages, lambda: client.poll(1) is not None)


def _count(messages: int, read_some: Callable[[], int]) -> Span:
    first_at, seen = 0.0, 0
    while seen < messages:
        some = read_some()
        first_at = first_at or (time.monotonic() if some else 0.0)
        seen += some
    return first_at, time.monotonic()


class Counting(FairConsumer):
    """The fair poller with all its guarantees and a sink that takes everything at once."""

    def __init__(self, config: ConsumerConfig, emit: EventWriter, messages: int) -> None:
        super().__init__(config, emit)
        self._left = messages
        self.first_at = self.last_at = 0.0

    def open_sink(self) -> FileSink:
        return FileSink(self.config.output_folder, {}, None)

    def deliver(self, record: object) -> None:
        self.first_at = self.first_at or time.monotonic()
        self.uncommitted[(record.topic(), record.partition())] = record.offset() + 1
        self._left -= 1
        if self._left == 0:
            self.last_at = time.monotonic()
            self.stopping.set()


def fair(threshold: int, records: int) -> Callable[[str, int], Span]:
    def run(servers: str, messages: int) -> Span:
        settings = PollSettings(max_poll_records=records, partition_pause_threshold=threshold)
        with tempfile.TemporaryDirectory() as folder, Path("/dev/null").open("w") as nowhere:
            config = ConsumerConfig(
                group=uuid.uuid4().hex,
                outputs={TOPIC: ""},
                output_folder=Path(folder),
                sink_rate=None,
                client_config={"bootstrap.servers": servers},
                settings=settings,
            )
            consumer = Counting(config, EventWriter(nowhere), messages)
            consumer.start()
        return consumer.first_at, consumer.last_at

    return run


def kafka_python(servers: str, messages: int) -> Span:
    import kafka  # noqa: PLC0415, where it is installed

    client = kafka.KafkaConsumer(
        TOPIC, bootstrap_servers=servers, group_id=uuid.uuid4().hex, auto_offset_reset="earliest"
    )
    return _count(messages, lambda: sum(map(len, client.poll(1000, max_records=1000).values())))


def aiokafka(servers: str, messages: int) -> Span:
    import asyncio  # noqa: PLC0415

    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415, where it is installed

    async def run() -> Span:
        client = AIOKafkaConsumer(
            TOPIC, bootstrap_servers=servers, group_id=uuid.uuid4().hex, auto_offset_reset="earliest"
        )
        await client.start()
        first_at, seen = 0.0, 0
        while seen < messages:
            some = sum(map(len, (await client.getmany(timeout_ms=1000, max_records=1000)).values()))
            first_at = first_at or (time.monotonic() if some else 0.0)
            seen += some
        ended = time.monotonic()
        await client.stop()
        return first_at, ended

    return asyncio.run(run())


READERS: dict[str, Callable[[str, int], Span]] = {
    "bare consume(1000)": bare,
    "fair, threshold 500": fair(500, 100),
    "fair, threshold 10,000": fair(10_000, 1000),
    "poll()": poll,
    "aiokafka getmany(1000)": aiokafka,
    "kafka-python poll(1000)": kafka_python,
}
_MODULES = {"aiokafka getmany(1000)": "aiokafka", "kafka-python poll(1000)": "kafka"}


def _can_run(name: str) -> bool:
    return name not in _MODULES or find_spec(_MODULES[name]) is not None


if __name__ == "__main__":
    main()
