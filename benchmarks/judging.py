"""What does it cost to judge a recording? Time and memory by the number of deliveries.

    python benchmarks/judging.py
    python benchmarks/judging.py --deliveries 10000 --deliveries 100000 --rounds 3

Writes recordings of so many acked messages, each delivered once by one consumer, and judges each by what
must hold in any scenario, in a process of its own.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import click

from fairpoll import layout
from fairpoll.events import dump
from fairpoll.messages import build_message
from fairpoll.offline import judge_again
from fairpoll.scenario import Scenario, TopicPlan
from fairpoll.units import Bursts

START_MS = 1_000_000_000.0
PARTITIONS = 4
PER_SECOND = 1000


@click.group(invoke_without_command=True)
@click.option(
    "--deliveries", multiple=True, type=int, default=(10_000, 100_000, 1_000_000), show_default=True
)
@click.option("--rounds", default=3, show_default=True)
@click.pass_context
def main(context: click.Context, deliveries: tuple[int, ...], rounds: int) -> None:
    """Judge recordings of so many deliveries."""
    if context.invoked_subcommand:
        return
    click.echo("| deliveries | seconds | spread | deliveries/s | peak MiB |\n| --- | --- | --- | --- | --- |")
    for count in deliveries:
        with tempfile.TemporaryDirectory() as folder:
            record(Path(folder), count)
            seen = [_judged(folder) for _ in range(rounds)]
        seconds = [one["seconds"] for one in seen]
        middle = statistics.median(seconds)
        peak = max(one["peak_mib"] for one in seen)
        spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
        click.echo(f"| {count:,} | {middle:.1f} | {spread} | {count / middle:,.0f} | {peak:,.0f} |")


def record(folder: Path, count: int) -> None:
    """A recording as a run leaves it."""
    topic = TopicPlan("t", "low", PARTITIONS, Bursts(PER_SECOND, 1.0), "t.json")
    seconds = count / PER_SECOND
    scenario = Scenario("made up", seconds, 1_000_000, (topic,))
    facts = {
        "run_id": "r",
        "scenario": asdict(scenario),
        "speed": 1.0,
        "cluster": {"kind": "none", "description": "none"},
        "topics": {"t": "t.r"},
        "consumers": ["c"],
        "start_ms": START_MS,
        "stopped_ms": START_MS + seconds * 1000,
        "complete": True,
    }
    (folder / layout.RUN).write_text(json.dumps(facts), "utf-8")
    (folder / "c").mkdir()
    spots = [{"topic": "t.r", "partition": number} for number in range(PARTITIONS)]
    assigned = {"timestamp": START_MS - 1, "name": "partitions_assigned", "partitions": spots}
    (folder / "c" / layout.EVENTS).write_text(dump(assigned) + "\n", "utf-8")
    with (folder / layout.LEDGER).open("w") as ledger, (folder / "c" / "t.json").open("w") as output:
        for sequence in range(count):
            at = START_MS + sequence * 1000 / PER_SECOND
            _, value, checksum = build_message(topic, "r", sequence, 0, at)
            where = {"partition": sequence % PARTITIONS, "offset": sequence // PARTITIONS}
            sent = {"sequence": sequence, "batch": 0, "intended_ms": at, "sent_ms": at, "checksum": checksum}
            acked = {"timestamp": at + 1, "name": "producer_send_success", "topic": "t", **where, **sent}
            ledger.write(dump(acked) + "\n")
            line = {"topic": "t.r", **where, "delivered_ms": at + 2, "value": json.loads(value)}
            output.write(dump(line) + "\n")


def _judged(folder: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "judge", folder], capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@main.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path))
def judge(folder: Path) -> None:
    """Judge it and print what that took."""
    began = time.monotonic()
    judge_again(folder).verdict.to_text()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    click.echo(json.dumps({"seconds": time.monotonic() - began, "peak_mib": peak}))


if __name__ == "__main__":
    main()
