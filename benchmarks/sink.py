"""How fast is the file sink, and what does the poller lose on it? On the same preloaded topics.

    python benchmarks/sink.py
    python benchmarks/sink.py --messages 100000 --size 1000 --rounds 7

The plain loop (`json.loads`, `json.dumps` and `write` for each record), our sink fed by the bare loop, and
the built-in consumers as they are, events and commits included. Each reads everything once, in a process
and a group of its own; in each round all take their turn. The two sinks are measured alone as well, on
records in memory.
"""

import json
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import confluent_kafka
from preloaded import (
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

from fairpoll.consumers import MODES, Consumer, ConsumerConfig
from fairpoll.consumers.base import consumed_event
from fairpoll.consumers.fair import FETCH_BACKOFF_MS, FETCH_WAIT_MS
from fairpoll.consumers.record import Record, runs
from fairpoll.consumers.sink import FileSink
from fairpoll.contract.events import EventWriter
from fairpoll.producer.messages import build_message
from fairpoll.scenarios.model import PollSettings, TopicPlan
from fairpoll.scenarios.units import Bursts

Reader = Callable[[str, int, Sequence[str]], Figures]
FED = "our sink, bare loop"
OUTPUT = "t.json"
PLAN = TopicPlan("high", "high", 4, Bursts(20, 0.5), OUTPUT)


def message(number: int, size: int) -> bytes:
    """A message as the scenarios' producer makes them, filled up to this number of bytes."""
    _, value, *_ = build_message(PLAN, "run", number, 0, 1_795_436_968_460.0 + number)
    missing = size - len(value) - len(b',"text":""')
    return value[:-1] + b',"text":"%b"}' % (b"x" * missing) if missing > 0 else value


@click.group(invoke_without_command=True)
@options(
    messages=200_000, size=300, size_told="Bytes of a message, at least what its fields take (some 250)."
)
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
    """Write the same preloaded topics with each of them, in turns, and compare."""
    if context.invoked_subcommand:
        return
    names = [name for name in READERS if name in only or not only]
    found = []
    with local_broker() as broker:
        for layout in layouts(messages, sizes, shapes):
            topics = broker.preload(layout, message)

            def one(name: str, layout: Layout = layout, topics: Sequence[str] = topics) -> Figures:
                return measured(__file__, name, broker.servers, layout, topics)

            seen = in_turns(names, rounds, one)
            found.append((layout, seen))
            click.echo(f"{layout}, {rounds} rounds, {broker.description}\n\n{table(seen, FED)}\n")
            save(json_file, broker, found)


@main.command(hidden=True)
@click.argument("name")
@click.argument("servers")
@click.argument("messages", type=int)
@click.argument("topics", nargs=-1)
def read(name: str, servers: str, messages: int, topics: tuple[str, ...]) -> None:
    """Read and write this number of messages with one of them and print the figures."""
    click.echo(json.dumps(READERS[name](servers, messages, topics)))


class PlainSink:
    """What most people write."""

    def __init__(self, folder: Path, topics: Sequence[str]) -> None:
        self._files = {topic: (folder / f"{topic}.json").open("ab", buffering=0) for topic in topics}

    def write(self, records: Sequence[Record]) -> int:
        for record in records:
            line = {
                "topic": record.topic(),
                "partition": record.partition(),
                "offset": record.offset(),
                "delivered_ms": time.time() * 1000,
                "value": json.loads(record.value() or b"null"),
            }
            self._files[record.topic()].write(json.dumps(line).encode() + b"\n")
        return len(records)


def _plain_sink(folder: Path, topics: Sequence[str]) -> PlainSink:
    return PlainSink(folder, topics)


def _our_sink(folder: Path, topics: Sequence[str]) -> FileSink:
    return FileSink(folder, {topic: f"{topic}.json" for topic in topics}, None)


def _bare_client(servers: str, topics: Sequence[str]) -> confluent_kafka.Consumer:
    """With the fair poller's settings: by default a client whose queue is full rests for a second."""
    ours = {"fetch.wait.max.ms": FETCH_WAIT_MS, "fetch.queue.backoff.ms": FETCH_BACKOFF_MS}
    client = confluent_kafka.Consumer({**client_config(servers), **ours})
    client.subscribe(list(topics))
    return client


def fed(make: Callable[[Path, Sequence[str]], PlainSink | FileSink], *, with_events: bool = False) -> Reader:
    """A sink behind the bare loop; `with_events` prints an event for each batch."""

    def run(servers: str, messages: int, topics: Sequence[str]) -> Figures:
        client = _bare_client(servers, topics)
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "events.jsonl").open("w") as events:
            sink, emit = make(Path(folder), topics), EventWriter(events)

            def read_some() -> int:
                records = client.consume(1000, 1)
                for _, some in runs(records):
                    begin = 0
                    while begin < len(some):
                        begin += sink.write(some[begin:])
                    if with_events:
                        emit.write(consumed_event(some))
                return len(records)

            return until(messages, read_some)

    return run


def alone(make: Callable[[Path, Sequence[str]], PlainSink | FileSink]) -> Reader:
    """A sink and records in memory: 500 at a time."""

    def run(servers: str, messages: int, topics: Sequence[str]) -> Figures:
        client = _bare_client(servers, topics)
        kept: list[Sequence[Record]] = []
        while sum(map(len, kept)) < messages:
            kept += [some for _, some in runs(client.consume(500, 1))]
        with tempfile.TemporaryDirectory() as folder:
            sink, left = make(Path(folder), topics), iter(kept)
            return until(messages, lambda: sink.write(next(left)))

    return run


def built_in(mode: str, threshold: int, records: int) -> Reader:
    """A built-in consumer, unchanged but for counting what it has delivered."""

    def run(servers: str, messages: int, topics: Sequence[str]) -> Figures:
        kind: type[Consumer] = MODES[mode]
        watch = Watch()

        class Counting(kind):  # type: ignore[misc, valid-type]
            def deliver(self, records: Sequence[Record]) -> None:
                super().deliver(records)
                if watch.count(len(records)) == messages:
                    watch.stop()
                    self.stopping.set()

        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "events.jsonl").open("w") as events:
            config = ConsumerConfig(
                group=uuid.uuid4().hex,
                outputs={topic: f"{topic}.json" for topic in topics},
                output_folder=Path(folder),
                sink_rate=None,
                client_config={"bootstrap.servers": servers},
                settings=PollSettings(max_poll_records=records, partition_pause_threshold=threshold),
            )
            Counting(config, EventWriter(events)).start()
            _check(Path(folder), messages)
        return watch.figures

    return run


def _check(folder: Path, messages: int) -> None:
    """Nobody is fast for having written less."""
    lines = sum(path.read_bytes().count(b"\n") for path in folder.glob("*.json"))
    if lines != messages:
        raise click.ClickException(f"{lines:,} lines of {messages:,} messages")


READERS: dict[str, Reader] = {
    "plain loop": fed(_plain_sink),
    FED: fed(_our_sink),
    "our sink and events, bare loop": fed(_our_sink, with_events=True),
    "sync, 1000 a poll": built_in("sync", 500, 1000),
    "async, threshold 500": built_in("async", 500, 100),
    "async, threshold 10,000": built_in("async", 10_000, 1000),
    "plain sink alone": alone(_plain_sink),
    "our sink alone": alone(_our_sink),
}


if __name__ == "__main__":
    main()
