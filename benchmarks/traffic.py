"""How fast is the traffic generator, and how well does it keep its schedule?

    python benchmarks/traffic.py rates --rounds 7
    python benchmarks/traffic.py lateness

`rates`: the generator with its ledger against plain loops, each in a process of its own, in turns, timed
from a producer that is connected until the last message is acked. `lateness`: how long after it was due each
message was sent, by the ledger, at several rates, and the finding of the criterion `producer_kept_plan`;
beside it, at 40 messages a second, a loop that sleeps between its bursts.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import confluent_kafka

from fairpoll.base.clock import now_seconds
from fairpoll.checkers import judge
from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.events import EventWriter, read_events
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.producer.messages import build_message
from fairpoll.producer.traffic import TrafficProducer
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.units import Bursts

TOPIC, PARTITIONS, RUN_ID = "traffic", 3, "run"
RUN_SECONDS = 300
SETTINGS = {"enable.idempotence": True, "acks": "all", "queue.buffering.max.messages": 1_000_000}
# A rate, as traffic; the specification's is the first.
TRAFFIC = {
    40: "20 every 500 ms",
    1_000: "10 every 10 ms",
    10_000: "10 every 1 ms",
    50_000: "50 every 1 ms",
    100_000: "100 every 1 ms",
    200_000: "200 every 1 ms",
    400_000: "400 every 1 ms",
}
json_option = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="The figures, as JSON."
)


@click.group()
def main() -> None:
    """See how fast the traffic generator is, and how well it keeps its schedule."""


@main.command()
@click.option("--messages", default=300_000, show_default=True)
@click.option("--rounds", default=7, show_default=True)
@json_option
def rates(messages: int, rounds: int, json_file: Path | None) -> None:
    """Messages a second, as many as can be."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in PRODUCERS}
    with broker() as (servers, description, _):
        for number in range(1, rounds + 1):
            for name, figures in seen.items():
                figures.append(json.loads(_child("rate", name, servers, str(messages))))
            click.echo(f"round {number} of {rounds}", err=True)
    made = f"{messages:,} messages of {len(_message(0)[1])} bytes, {rounds} rounds, {description}"
    click.echo(f"{made}\n\n{_rate_table(seen)}")
    if json_file:
        json_file.write_text(json.dumps({"what": made, "rounds": seen}, indent=1) + "\n", "utf-8")


def _rate_table(seen: dict[str, list[dict[str, float]]]) -> str:
    lines = [
        "| producer | messages/s, median | spread | of the plain loop | CPU s per million |",
        "| --- | --- | --- | --- | --- |",
    ]
    plain = [one["per_second"] for one in seen[PLAIN]]
    for name, rounds in seen.items():
        measured = [one["per_second"] for one in rounds]
        ratios = [rate / base for rate, base in zip(measured, plain, strict=True)]
        lines.append(
            f"| {name} | {statistics.median(measured):,.0f} | {min(measured):,.0f} to {max(measured):,.0f} | "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
            f"{statistics.median(one['cpu_per_million'] for one in rounds):.2f} |"
        )
    return "\n".join(lines)


@main.command()
@click.option("--seconds", default=10.0, show_default=True, help="Of each rate.")
@click.option("--rate", "only", type=int, multiple=True, help="Only this one; once for each.")
@click.option(
    "--drift-seconds", default=60.0, show_default=True, help="Of 40 a second, and of the loop beside it."
)
@json_option
def lateness(seconds: float, only: tuple[int, ...], drift_seconds: float, json_file: Path | None) -> None:
    """How long after it was due each message was sent."""
    rows: list[dict[str, object]] = []
    with broker() as (servers, description, folder):
        for rate in only or TRAFFIC:
            length = drift_seconds if rate == 40 else seconds
            place = folder / str(rate)
            place.mkdir()
            figures = json.loads(_child("live", servers, str(rate), str(length), str(place)))
            late = sorted(_late_ms(place / layout.LEDGER))
            recording = load_recording(place)
            kept = judge("producer_kept_plan", recording, "")
            row = {"producer": "generator", "rate": rate, **_percentiles(late), **figures}
            rows.append({**row, "verdict": kept.status, "why": kept.sentence})
            if rate == 40:
                slept = json.loads(_child("slept", servers, str(length)))
                rows.append({"producer": "sleeping loop", "rate": rate, **slept, "verdict": "-"})
            click.echo(f"{rate:,} a second: {rows[-1]}", err=True)
    click.echo(f"{seconds:g} s each, {description}\n\n{_lateness_table(rows)}")
    if json_file:
        json_file.write_text(json.dumps({"what": description, "rows": rows}, indent=1) + "\n", "utf-8")


def _lateness_table(rows: list[dict[str, object]]) -> str:
    lines = [
        "| producer | planned a second | sent a second | late by, median | p99 | most | kept its plan |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        late = " | ".join(f"{row[key]:,.1f} ms" for key in ("p50", "p99", "max"))
        verdict = row["verdict"] if row["verdict"] in ("pass", "-") else f"{row['verdict']}: {row['why']}"
        lines.append(
            f"| {row['producer']} | {row['rate']:,} | {row['sent_per_second']:,.0f} | {late} | {verdict} |"
        )
    return "\n".join(lines)


def _late_ms(ledger: Path) -> Iterator[float]:
    return (
        event["sent_ms"] - event["intended_ms"]
        for event in read_events(ledger)
        if event["name"] == "producer_send_success"
    )


def _percentiles(late: list[float]) -> dict[str, float]:
    return {"p50": late[len(late) // 2], "p99": late[int(len(late) * 0.99)], "max": late[-1]}


@contextmanager
def broker() -> Iterator[tuple[str, str, Path]]:
    """A real broker with the topic: its address, what it is, and a folder for what is recorded."""
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry()
        cluster = open_cluster("local", ClusterOptions(Path(folder) / "cluster"), registry, warn=click.echo)
        try:
            cluster.create_topics({TOPIC: PARTITIONS})
            yield cluster.client_config["bootstrap.servers"], cluster.description, Path(folder)
        finally:
            cluster.stop()
            registry.close()


def _child(*arguments: str) -> str:
    """The last line that this script prints with these arguments, in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_SECONDS)
    if done.returncode:
        raise click.ClickException(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout.splitlines()[-1]


@main.command(hidden=True)
@click.argument("name")
@click.argument("servers")
@click.argument("messages", type=int)
def rate(name: str, servers: str, messages: int) -> None:
    """Send this number of messages with one of them and print the figures."""
    seconds = PRODUCERS[name](servers, messages)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    click.echo(json.dumps({"per_second": messages / seconds, "cpu_per_million": cpu / messages * 1e6}))


def _plan(traffic: str, seconds: float, backlog: int) -> Scenario:
    topic = TopicPlan(
        TOPIC, "high", PARTITIONS, Bursts.parse(traffic), "t.json", backlog=backlog, message_type="analytics"
    )
    return Scenario("a benchmark", seconds, 1.0, (topic,))


def _message(sequence: int) -> tuple[bytes, bytes]:
    key, value, *_ = build_message(_plan("1 every 1 s", 1.0, 0).topics[0], RUN_ID, sequence, -1, 1e12 + 0.125)
    return key, value


def _connected(servers: str) -> confluent_kafka.Producer:
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, **SETTINGS})
    for partition in range(PARTITIONS):
        producer.produce(TOPIC, b"first", partition=partition)
    producer.flush(30)
    return producer


def plain(servers: str, messages: int) -> float:
    """What the client's documentation shows, with a body of the same fields."""
    producer, acked = _connected(servers), 0

    def report(error: confluent_kafka.KafkaError | None, _message: confluent_kafka.Message) -> None:
        nonlocal acked
        acked += error is None

    started = time.monotonic()
    for sequence in range(messages):
        body = {
            "id": f"{RUN_ID}:{TOPIC}:{sequence}",
            "type": "analytics",
            "timestamp": "2001-09-09T01:46:40.000+00:00",
            "data": {"sequence_text": f"message {sequence} of {TOPIC}", "value": sequence * 37 % 1000},
            "batch_id": -1,
            "partition_key": f"key-{sequence % PARTITIONS}",
            "run_id": RUN_ID,
            "sequence": sequence,
            "intended_ms": 1e12 + 0.125,
        }
        key = json.dumps({"partition_key": body["partition_key"]})
        producer.produce(
            TOPIC, value=json.dumps(body), key=key, partition=sequence % PARTITIONS, on_delivery=report
        )
        producer.poll(0)
    producer.flush()
    took = time.monotonic() - started
    assert acked == messages
    return took


def bare(servers: str, messages: int) -> float:
    producer, (key, value) = _connected(servers), _message(0)
    started = time.monotonic()
    for sequence in range(messages):
        producer.produce(TOPIC, value, key, sequence % PARTITIONS)
    producer.flush()
    return time.monotonic() - started


def batches(servers: str, messages: int) -> float:
    producer, (key, value) = _connected(servers), _message(0)
    started = time.monotonic()
    for number in range(0, messages, 1000):
        some = [{"value": value, "key": key} for _ in range(min(1000, messages - number))]
        producer.produce_batch(TOPIC, some, partition=number // 1000 % PARTITIONS)
    producer.flush()
    return time.monotonic() - started


def generator(servers: str, messages: int) -> float:
    """As in a run: `backlog_complete` comes when all is acked and written."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / layout.LEDGER).open("w") as ledger:
        names, config = {TOPIC: TOPIC}, {"bootstrap.servers": servers}
        # A first message, so that it is connected as the others are.
        scenario = _plan("1 every 1 s", 0.5, messages)
        producer = TrafficProducer(scenario, RUN_ID, names, config, EventWriter(ledger))
        producer.produce_live(now_seconds(), threading.Event())
        started = time.monotonic()
        producer.produce_backlog()
        took = time.monotonic() - started
        assert Path(ledger.name).read_bytes().count(b"\n") == messages + 2
    return took


PLAIN = "json.dumps, produce(on_delivery), poll(0)"
PRODUCERS: dict[str, Callable[[str, int], float]] = {
    PLAIN: plain,
    "generator, with its ledger": generator,
    "bare produce(), one value": bare,
    "bare produce_batch(1000), one value": batches,
}


@main.command(hidden=True)
@click.argument("servers")
@click.argument("planned", type=int)
@click.argument("seconds", type=float)
@click.argument("folder", type=click.Path(path_type=Path))
def live(servers: str, planned: int, seconds: float, folder: Path) -> None:
    """Send at this rate, and leave a recording of it."""
    scenario = _plan(TRAFFIC[planned], seconds, 0)
    with (folder / layout.LEDGER).open("w") as ledger:
        names, config = {TOPIC: TOPIC}, {"bootstrap.servers": servers}
        producer = TrafficProducer(scenario, RUN_ID, names, config, EventWriter(ledger))
        started = now_seconds() + 2.0  # it connects meanwhile, as it does in a run with the backlog
        producer.produce_backlog()
        producer.produce_live(started, threading.Event())
        took = now_seconds() - started
    facts = {
        "run_id": RUN_ID,
        "scenario": scenario.to_json(),
        "speed": 1.0,
        "cluster": {"kind": "local", "description": "local"},
        "topics": names,
        "consumers": [],
        "start_ms": started * 1000,
        "complete": True,
    }
    (folder / layout.RUN).write_text(json.dumps(facts), "utf-8")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = (usage.ru_utime + usage.ru_stime) / took
    click.echo(json.dumps({"sent_per_second": planned * seconds / took, "cpu_share": cpu}))


@main.command(hidden=True)
@click.argument("servers")
@click.argument("seconds", type=float)
def slept(servers: str, seconds: float) -> None:
    """The same bursts from a loop that sleeps for the interval after each."""
    producer, (key, value) = _connected(servers), _message(0)
    bursts = Bursts.parse(TRAFFIC[40])
    late, started = [], time.monotonic()
    for number in range(int(seconds / bursts.interval_seconds)):
        for sequence in range(bursts.messages):
            late.append((time.monotonic() - started - number * bursts.interval_seconds) * 1000)
            producer.produce(TOPIC, value, key, sequence % PARTITIONS)
            producer.poll(0)
        time.sleep(bursts.interval_seconds)
    took = time.monotonic() - started
    producer.flush()
    click.echo(json.dumps({**_percentiles(sorted(late)), "sent_per_second": len(late) / took}))


if __name__ == "__main__":
    main()
