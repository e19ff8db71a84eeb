"""How fast is the fair poller, against a bare loop and other clients, on the same preloaded topics?

    python benchmarks/poller.py
    python benchmarks/poller.py --messages 300000 --size 1000 --shape 100x1 --rounds 7

Each reads everything once, in a process of its own and a group of its own, without a sink; in each round
all take their turn. Prints medians over the rounds, their spread, and the ratio to the bare loop within a
round. kafka-python and aiokafka take part where they are installed, the Java client
(kafka-consumer-perf-test) where Maven can resolve it.
"""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import click
import confluent_kafka
from preloaded import (
    RUN_SECONDS,
    Figures,
    Layout,
    Watch,
    client_config,
    in_turns,
    layouts,
    local_broker,
    measured,
    options,
    save,
    table,
    until,
)

from fairpoll.cluster.local.jars import COPY_GOAL, find_kafka
from fairpoll.consumers import ConsumerConfig, FairConsumer
from fairpoll.consumers.fair import FETCH_BACKOFF_MS, FETCH_WAIT_MS
from fairpoll.consumers.record import Record
from fairpoll.consumers.sink import FileSink
from fairpoll.contract.events import EventWriter
from fairpoll.scenarios.model import PollSettings

Reader = Callable[[str, int, Sequence[str]], Figures]
BARE = "bare consume(1000)"
JAVA = "Java ConsumerPerformance"
TOOLS_POM = Path(__file__).parent.parent / "examples" / "console-consumer" / "pom.xml"


@click.group(invoke_without_command=True)
@options(messages=300_000, size=100, size_told="Bytes of a message.")
@click.pass_context
def main(
    context: click.Context,
    *,
    messages: int,
    sizes: tuple[int, ...],
    shapes: tuple[str, ...],
    rounds: int,
    only: tuple[str, ...],
    json_file: Path | None,
) -> None:
    """Read the same preloaded topics with each of them, in turns, and compare."""
    if context.invoked_subcommand:
        return
    found = []
    with tempfile.TemporaryDirectory() as tools, local_broker() as broker:
        names = [name for name in (*READERS, JAVA) if (name in only or not only) and _can_run(name, tools)]
        for layout in layouts(messages, sizes, shapes):
            topics = broker.preload(layout, lambda _number, size: b"x" * size)

            def one(name: str, layout: Layout = layout, topics: Sequence[str] = topics) -> Figures:
                if name == JAVA:
                    return _java(tools, broker.servers, layout, topics)
                return measured(__file__, name, broker.servers, layout, topics)

            seen = in_turns(names, rounds, one)
            found.append((layout, seen))
            click.echo(f"{layout}, {rounds} rounds, {broker.description}\n\n{table(seen, BARE)}\n")
            save(json_file, broker, found)


@main.command(hidden=True)
@click.argument("name")
@click.argument("servers")
@click.argument("messages", type=int)
@click.argument("topics", nargs=-1)
def read(name: str, servers: str, messages: int, topics: tuple[str, ...]) -> None:
    """Read this number of messages with one of them and print the figures."""
    click.echo(json.dumps(READERS[name](servers, messages, topics)))


def bare(**properties: str | int) -> Reader:
    def run(servers: str, messages: int, topics: Sequence[str]) -> Figures:
        client = confluent_kafka.Consumer({**client_config(servers), **properties})
        client.subscribe(list(topics))
        return until(messages, lambda: len(client.consume(1000, 1)))

    return run


def poll(servers: str, messages: int, topics: Sequence[str]) -> Figures:
    client = confluent_kafka.Consumer(client_config(servers))
    client.subscribe(list(topics))
    return until(messages, lambda: client.poll(1) is not None)


class Counting(FairConsumer):
    """The fair poller with all its guarantees and a sink that takes everything at once."""

    def __init__(self, config: ConsumerConfig, emit: EventWriter, messages: int) -> None:
        super().__init__(config, emit)
        self._messages = messages
        self.watch = Watch()

    def open_sink(self) -> FileSink:
        return FileSink(self.config.output_folder, {}, None)

    def deliver(self, records: Sequence[Record]) -> None:
        self.count_done(records)
        if self.watch.count(len(records)) == self._messages:
            self.watch.stop()
            self.stopping.set()


def fair(threshold: int, records: int) -> Reader:
    def run(servers: str, messages: int, topics: Sequence[str]) -> Figures:
        settings = PollSettings(max_poll_records=records, partition_pause_threshold=threshold)
        with tempfile.TemporaryDirectory() as folder, Path("/dev/null").open("w") as nowhere:
            config = ConsumerConfig(
                group=uuid.uuid4().hex,
                outputs=dict.fromkeys(topics, ""),
                output_folder=Path(folder),
                sink_rate=None,
                client_config={"bootstrap.servers": servers},
                settings=settings,
            )
            consumer = Counting(config, EventWriter(nowhere), messages)
            consumer.start()
        return consumer.watch.figures

    return run


def kafka_python(servers: str, messages: int, topics: Sequence[str]) -> Figures:
    import kafka  # noqa: PLC0415, where it is installed

    client = kafka.KafkaConsumer(
        *topics, bootstrap_servers=servers, group_id=uuid.uuid4().hex, auto_offset_reset="earliest"
    )
    return until(messages, lambda: sum(map(len, client.poll(1000, max_records=1000).values())))


def aiokafka(servers: str, messages: int, topics: Sequence[str]) -> Figures:
    import asyncio  # noqa: PLC0415

    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415, where it is installed

    async def run() -> Figures:
        client = AIOKafkaConsumer(
            *topics, bootstrap_servers=servers, group_id=uuid.uuid4().hex, auto_offset_reset="earliest"
        )
        await client.start()
        watch = Watch()
        while watch.seen < messages:
            got = await client.getmany(timeout_ms=1000, max_records=1000)
            watch.count(sum(map(len, got.values())))
        watch.stop()
        await client.stop()
        return watch.figures

    return asyncio.run(run())


def _java(tools: str, servers: str, layout: Layout, topics: Sequence[str]) -> Figures:
    """Kafka's own tool. Its time is that spent fetching; its processor time has the JVM's start in it."""
    prefix = topics[0].rpartition("-")[0]
    command = ["java", "-cp", f"{tools}/*", "org.apache.kafka.tools.ConsumerPerformance"]
    command += ["--bootstrap-server", servers, "--include", f"{prefix}-.*", "--group", uuid.uuid4().hex]
    command += ["--num-records", str(layout.messages), "--hide-header", "--timeout", "20000"]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        output.seek(0)
        lines = [line.split(", ") for line in output.read().splitlines()]
    last = next((line for line in reversed(lines) if len(line) == 10), None)
    if last is None or int(last[4]) < layout.messages:
        raise click.ClickException(f"{JAVA} read {last and last[4]} of {layout.messages}")
    return {
        "per_second": float(last[9]),
        "cpu_per_million": (usage.ru_utime + usage.ru_stime) / layout.messages * 1e6,
        "peak_mib": usage.ru_maxrss / 1024,
    }


READERS: dict[str, Reader] = {
    BARE: bare(),
    # It shows what is owed to the client's settings, and what to the poller.
    "bare, our client settings": bare(
        **{"fetch.wait.max.ms": FETCH_WAIT_MS, "fetch.queue.backoff.ms": FETCH_BACKOFF_MS}
    ),
    "fair, threshold 500": fair(500, 100),
    "fair, threshold 10,000": fair(10_000, 1000),
    "poll()": poll,
    "aiokafka getmany(1000)": aiokafka,
    "kafka-python poll(1000)": kafka_python,
}
_MODULES = {"aiokafka getmany(1000)": "aiokafka", "kafka-python poll(1000)": "kafka"}


def _can_run(name: str, tools: str) -> bool:
    if name == JAVA:
        return _fetch_java_tools(tools)
    return name not in _MODULES or find_spec(_MODULES[name]) is not None


def _fetch_java_tools(folder: str) -> bool:
    """Kafka's tools and all they need, through Maven; False without it."""
    if not shutil.which("mvn") or not find_kafka(click.echo).java:
        return False
    command = ["mvn", "-B", "-q", "-f", str(TOOLS_POM), COPY_GOAL, f"-DoutputDirectory={folder}"]
    return subprocess.run(command, check=False, timeout=RUN_SECONDS).returncode == 0


if __name__ == "__main__":
    main()
