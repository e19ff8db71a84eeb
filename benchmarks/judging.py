"""What does it cost to judge a recording? Time and memory by the number of deliveries.

    python benchmarks/judging.py
    python benchmarks/judging.py --deliveries 100000 --rounds 7 --against ../before

Writes recordings of that many acked messages, each delivered once by one consumer, as a run leaves them (the
ledger, an output file a topic, an event for each record, commits), and judges each by all criteria of
delivery and service, in a process of its own. `--against` is a checkout of another revision, which judges
the smallest of the recordings in turns with this one.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from fairpoll.checkers import RUN_CRITERIA
from fairpoll.contract.events import dump
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.producer.messages import build_message
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.units import Bursts
from fairpoll.verdicts.rejudge import BY_DEFAULT
from fairpoll.verdicts.verdict import Verdict

START_MS = 1_790_000_000_000.0
HIGH_PARTITIONS = 4
PER_SECOND = 1000
LOW_EVERY = 100  # one message in a hundred is of the low-volume topic
COMMIT_EVERY = 500
CONSUMER = "async"
SERVICE: dict[str, dict[str, object]] = {
    "delivered_at_least": {"volume": "low", "records": 1},
    "share_at_least": {"volume": "low", "share": 0.001},
    "due_messages_delivered": {"volume": "low", "seconds": 5},
    "latency_at_most": {"volume": "high", "percentile": 99, "seconds": 5},
    "service_at_least": {"volume": "high", "share": 0.9},
    "throughput_at_least": {"of": CONSUMER, "share": 0.95},
    "every_partition_served": {"seconds": 10},
}


@click.group(invoke_without_command=True)
@click.option(
    "--deliveries", multiple=True, type=int, default=(100_000, 1_000_000, 10_000_000), show_default=True
)
@click.option("--rounds", default=7, show_default=True)
@click.option(
    "--against", type=click.Path(exists=True, path_type=Path), help="A checkout of another revision."
)
@click.option("--json", "report", type=click.Path(path_type=Path), help="Write the figures here too.")
@click.pass_context
def main(
    context: click.Context,
    deliveries: tuple[int, ...],
    rounds: int,
    against: Path | None,
    report: Path | None,
) -> None:
    """Judge recordings of these numbers of deliveries."""
    if context.invoked_subcommand:
        return
    here = Path(__file__).parent.parent
    rows = []
    click.echo("| deliveries | files | judged by | seconds | spread | deliveries/s | peak MiB | findings |")
    click.echo("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for count in sorted(deliveries):
        with tempfile.TemporaryDirectory() as folder:
            record(Path(folder), count)
            megabytes = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
            revisions = {"this": here}
            if against and count == min(deliveries):
                revisions["the other"] = against
            seen: dict[str, list[dict[str, float]]] = {name: [] for name in revisions}
            for _ in range(rounds):
                for name, checkout in revisions.items():
                    seen[name].append(_judged(folder, checkout))
        for name, judged in seen.items():
            seconds = [one["seconds"] for one in judged]
            row = {
                "deliveries": count,
                "megabytes": round(megabytes),
                "judged_by": name,
                "rounds": rounds,
                "seconds_median": round(statistics.median(seconds), 3),
                "seconds": [round(one, 3) for one in seconds],
                "peak_mib": round(max(one["peak_mib"] for one in judged)),
                "findings": judged[0]["findings"],
            }
            rows.append(row)
            click.echo(_row(row))
    if report:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
        report.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n", "utf-8")


def _row(row: dict[str, object]) -> str:
    seconds, count = row["seconds"], row["deliveries"]
    assert isinstance(seconds, list)
    assert isinstance(count, int)
    middle = statistics.median(seconds)
    return (
        f"| {count:,} | {row['megabytes']:,} MB | {row['judged_by']} | {middle:.2f} "
        f"| {min(seconds):.2f} to {max(seconds):.2f} "
        f"| {count / middle:,.0f} | {row['peak_mib']:,} | {row['findings']} |"
    )


def record(folder: Path, count: int) -> None:
    """A recording as a run leaves it."""
    topics = (
        TopicPlan("high", "high", HIGH_PARTITIONS, Bursts(1, 1 / PER_SECOND), "high_vol.json"),
        TopicPlan("low", "low", 1, Bursts(1, LOW_EVERY / PER_SECOND), "low_vol.json", priority="critical"),
    )
    seconds = count / (PER_SECOND * (1 + 1 / LOW_EVERY))
    scenario = Scenario("made up", seconds, 1_000_000, topics)
    facts = {
        "run_id": "r",
        "scenario": asdict(scenario),
        "speed": 1.0,
        "cluster": {"kind": "none", "description": "none"},
        "topics": {"high": "high.r", "low": "low.r"},
        "consumers": [CONSUMER],
        "start_ms": START_MS,
        "stopped_ms": START_MS + (seconds + 1) * 1000,
        "complete": True,
    }
    (folder / layout.RUN).write_text(json.dumps(facts), "utf-8")
    out = folder / CONSUMER
    out.mkdir()
    outputs = [(out / topic.output).open("w") for topic in topics]
    with (folder / layout.LEDGER).open("w") as ledger, (out / layout.EVENTS).open("w") as events:
        owned = [{"topic": f"{t.name}.r", "partition": p} for t in topics for p in range(t.partitions)]
        assigned = {"timestamp": START_MS - 1, "name": "partitions_assigned", "partitions": owned}
        events.write(dump(assigned) + "\n")
        following = dict.fromkeys([(s["topic"], s["partition"]) for s in owned], 0)
        for number, (index, sequence, at) in enumerate(_planned(topics, seconds), 1):
            topic = topics[index]
            partition = topic.partition_of(sequence)
            offset = sequence // topic.partitions
            value, checksum = _message(topic, sequence, at)
            delivered = round(at + 2.345, 3)
            ledger.write(
                f'{{"timestamp":{round(at + 1.234, 3)!r},"name":"producer_send_success",'
                f'"topic":"{topic.name}","sequence":{sequence},"batch":{sequence},"intended_ms":{at!r},"sent_ms":{at!r},'
                f'"checksum":{checksum},"value_crc32":{zlib.crc32(value.encode())},"poison":false,"partition":{partition},"offset":{offset}}}\n'
            )
            where = f'"topic":"{topic.name}.r","partition":{partition},"offset":{offset}'
            outputs[index].write(f'{{{where},"delivered_ms":{delivered!r},"value":{value}}}\n')
            events.write(
                f'{{"timestamp":{delivered + 0.05:.3f},"name":"records_consumed","records":[{{{where}}}]}}\n'
            )
            following[(f"{topic.name}.r", partition)] = offset + 1
            if number % COMMIT_EVERY == 0:
                committed = [{"topic": t, "partition": p, "offset": o} for (t, p), o in following.items()]
                event = {"timestamp": round(delivered + 0.5, 3), "name": "offsets_committed"}
                events.write(dump({**event, "success": True, "offsets": committed}) + "\n")
    for output in outputs:
        output.close()
    last = [{"topic": t, "partition": p, "offset": o} for (t, p), o in following.items()]
    seen = {"timestamp": START_MS + seconds * 1000 + 900, "name": "committed_offsets", "consumer": CONSUMER}
    (folder / layout.SAMPLES).write_text(dump({**seen, "offsets": last, "final": True}) + "\n", "utf-8")


def _planned(topics: tuple[TopicPlan, ...], seconds: float) -> Iterator[tuple[int, int, float]]:
    """Topic, sequence and time (ms) of each message, in the order of time."""
    high, low = (topic.planned_messages(seconds) for topic in topics)
    for sequence in range(high):
        yield 0, sequence, round(START_MS + sequence * 1000 / PER_SECOND, 3)
        if sequence % LOW_EVERY == 0 and sequence // LOW_EVERY < low:
            yield 1, sequence // LOW_EVERY, round(START_MS + sequence * 1000 / PER_SECOND, 3)


def _message(topic: TopicPlan, sequence: int, at: float) -> tuple[str, int]:
    """Value and checksum of a message; of every thousandth it is made sure that it is as the producer's."""
    priority = f',"priority":"{topic.priority}"' if topic.priority else ""
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000))
    text = (
        f'{{"id":"r:{topic.name}:{sequence}","type":"","timestamp":"{second}.{int(at % 1000):03}+00:00",'
        f'"data":{{"sequence_text":"message {sequence} of {topic.name}","value":{sequence * 37 % 1000}}},'
        f'"batch_id":{sequence},"partition_key":"key-{topic.partition_of(sequence)}",'
        f'"run_id":"r","sequence":{sequence},"intended_ms":{at!r}{priority}'
    )
    checksum = zlib.crc32(f"{text}}}".encode())
    value = f'{text},"checksum":{checksum}}}'
    if sequence % 1000 == 0:
        assert build_message(topic, "r", sequence, sequence, at)[1:3] == (value.encode(), checksum)
    return value, checksum


def _judged(folder: str, checkout: Path) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "libraries")}
    # Its own script, as names in the package differ between revisions.
    command = [sys.executable, str(checkout / "benchmarks" / "judging.py"), "judge", folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@main.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path))
def judge(folder: Path) -> None:
    """Judge it and print what that took."""
    began = time.monotonic()
    verdict = Verdict(load_recording(folder))
    for criterion in RUN_CRITERIA:
        verdict.judge(criterion, "run")
    for criterion, thresholds in {**BY_DEFAULT, **SERVICE}.items():
        verdict.judge(criterion, CONSUMER, **thresholds)
    verdict.to_text()
    seconds = time.monotonic() - began
    statuses = [finding.status for finding in verdict.findings]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    click.echo(json.dumps({"seconds": seconds, "peak_mib": peak, "findings": counts}))


if __name__ == "__main__":
    main()
