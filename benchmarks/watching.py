"""How far off is `fairpoll watch`? Its age of the oldest message against the ledger's truth, in one run.

    python benchmarks/watching.py [--scenario specified.yaml ...] [--rounds 1]

Each scenario is run on `local` at SPEED 1 with the built-in consumers, and both groups are watched meanwhile,
each by a process of its own. The truth at the time of a sample is, by the recording, the age of the oldest
acked message that was not in the sink yet; and beside it, of the one that was not committed yet, as a message
in the sink waits for its commit from outside. Errors are in seconds, shown minus truth.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import acked_at
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.reports.tables import markdown_table
from fairpoll.run.recorder import Recorder
from fairpoll.run.running import RunningExperiment
from fairpoll.scenarios.packaged import find_scenario

CONSUMERS = ("sync", "async")


def true_ages(recording: Recording, consumer: str, topic: str, at: float) -> tuple[float, float]:
    """The age of the topic's oldest message at this second: not in the sink; not committed."""
    first, in_log, sink = recording.first(consumer), at, at
    committed = {
        (commit.topic, commit.partition): commit.offset
        for commit in recording.consumers[consumer].commits
        if commit.at <= at
    }
    for partition, rows in recording.acked.by_partition.items():
        if partition[0] == topic:
            acked = acked_at(recording, rows)
            there = (acked <= at) & ~recording.acked.poison[rows]
            uncommitted = recording.acked.offset[rows] >= committed.get(partition, 0)
            sink = min(sink, float(acked[there & (first[rows] > at)].min(initial=at)))
            in_log = min(in_log, float(acked[there & uncommitted].min(initial=at)))
    return at - sink, at - in_log


Errors = dict[tuple[str, str], list[tuple[float, float]]]


def add_errors(recording: Recording, consumer: str, states: Sequence[dict], found: Errors) -> None:
    """For each topic, shown minus true ages at each sample of the traffic and the drain."""
    names = {name: topic for topic, name in recording.facts.topics.items()}
    for state in states:
        at = recording.seconds(state["timestamp"])
        if not 0 <= at <= recording.drained_until:
            continue
        shown: dict[str, float] = {}
        for row in state["partitions"]:
            topic = names[row["topic"]]
            shown[topic] = max(shown.get(topic, 0.0), row["seconds"])
        for topic, age in shown.items():
            sink, in_log = true_ages(recording, consumer, topic, at)
            found.setdefault((consumer, topic), []).append((age - sink, age - in_log))


@click.command()
@click.option("--scenario", "scenarios", multiple=True, default=("specified.yaml",), show_default=True)
@click.option("--rounds", default=1, show_default=True)
def main(*, scenarios: Sequence[str], rounds: int) -> None:
    """Print a table of the errors."""
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as place, Registry() as registry:
        options = ClusterOptions(Path(place) / "cluster")
        cluster = open_cluster("local", options, registry, warn=click.echo)
        servers = cluster.client_config["bootstrap.servers"]
        for name in scenarios:
            found: Errors = {}
            for _ in range(rounds):
                recording, watched = _watched(cluster, servers, Path(place) / "runs", name)
                for consumer, states in watched.items():
                    add_errors(recording, consumer, states, found)
            for (consumer, topic), off in sorted(found.items()):
                columns = zip(*off, strict=True)
                both = (f"{np.median(np.abs(one)):.2f}, {max(one, key=abs):+.2f}" for one in columns)
                rows.append((name, consumer, topic, str(len(off)), *both))
    headings = ("scenario", "consumer", "topic", "samples", "against the sink (s)", "against the commits (s)")
    click.echo(markdown_table(headings, rows))
    click.echo("median of the error's size, and the worst error")


def _watched(cluster, servers: str, folder: Path, name: str) -> tuple[Recording, dict[str, list[dict]]]:
    with Recorder(cluster, folder) as recorder:
        subjects = [Subject.built_in(mode) for mode in CONSUMERS]
        experiment = recorder.prepare(name.removesuffix(".yaml"), find_scenario(name), 1.0, subjects)
        running = RunningExperiment(experiment)
        running.wait_for_traffic()
        watches = {}
        for consumer in CONSUMERS:
            command = [sys.executable, "-m", "fairpoll", "watch", "--json", "--bootstrap-servers", servers]
            watches[consumer] = subprocess.Popen(
                [*command, "--group", experiment.groups[consumer]],
                stdout=(folder / f"{consumer}.jsonl").open("w"),
            )
        try:
            running.finish()
        finally:
            for watch in watches.values():
                watch.terminate()
                watch.wait(20)
        states = {
            consumer: [
                state
                for state in map(json.loads, (folder / f"{consumer}.jsonl").read_text("utf-8").splitlines())
                if "partitions" in state
            ]
            for consumer in CONSUMERS
        }
        return load_recording(experiment.folder), states


if __name__ == "__main__":
    main()
