"""One consumer on ever more topics: what does each part of a run cost, and does the verdict hold?

    python benchmarks/breadth.py
    python benchmarks/breadth.py --topics 1000 --keep folder

Each topic has 5 partitions. One topic is hot; each of the others gets a message a second, to its partitions
in turn. The fair consumer reads them all in a process of its own, as in a run of the suites, on a real
broker. Each size is a process of its own and has a broker of its own.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import click
import psutil
import yaml

from fairpoll.checkers import DELIVERY_GUARANTEES
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.reports.run_charts import run_charts
from fairpoll.run.experiment import Experiment
from fairpoll.run.modes import consumer_of
from fairpoll.scenarios.file import load_scenario
from fairpoll.verdicts.verdict import Verdict

MODE = "async"
RUN_SECONDS = 900
PARTITIONS = 5
# The quiet topics, each with moments of its own.
GROUPS = 8
# By check: its thresholds. Those of each delivery guarantee, and that no topic waits.
CRITERIA: Mapping[str, Mapping[str, object]] = {
    **{name: {} for name in DELIVERY_GUARANTEES},
    "buffers_bounded": {},
    "pauses_pair_up": {},
    "no_stall": {"seconds": 10},
    "every_partition_served": {"seconds": 20},
    # Live messages only: those of the backlog have waited for the start already.
    "latency_at_most": {"percentile": 100, "seconds": 5, "volume": "low"},
}


@click.group(invoke_without_command=True)
@click.option("--topics", "sizes", type=int, multiple=True, default=(10, 100, 1000), show_default=True)
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Where recordings go; none: they are thrown away."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where the figures go as JSON.")
@click.pass_context
def main(context: click.Context, sizes: tuple[int, ...], keep: Path | None, json_file: Path | None) -> None:
    """Run each size and compare."""
    if context.invoked_subcommand:
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for topics in sizes:
            place = (keep or Path(folder)) / str(topics)
            place.mkdir(parents=True)
            rows.append(_measured(topics, place))
            click.echo(json.dumps(rows[-1]), err=True)
    click.echo(_table(rows))
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def _measured(topics: int, place: Path) -> dict[str, object]:
    command = [sys.executable, __file__, "one", str(topics), str(place)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=RUN_SECONDS)
    if done.returncode:
        return {"topics": topics, "failed": f"exit code {done.returncode}"}
    figures: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _table(rows: list[dict[str, object]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    sizes = " | ".join(f"{row['topics']:,} topics" for row in rows)
    lines = [f"| what | {sizes} |", f"| --- |{' --- |' * len(rows)}"]
    for name in names[1:]:
        cells = [_cell(row.get(name, "-")) for row in rows]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


@main.command(hidden=True)
@click.argument("topics", type=int)
@click.argument("place", type=click.Path(path_type=Path))
def one(topics: int, place: Path) -> None:
    """Run this size, and print what it took."""
    path = place / "scenario.yaml"
    path.write_text(yaml.safe_dump(_scenario(topics)), "utf-8")
    scenario, registry = load_scenario(path), Registry()
    cluster = open_cluster("local", ClusterOptions(place / "cluster"), registry, warn=click.echo)
    watch = Phases()
    try:
        timed = Timed(cluster, watch)
        experiment = Experiment(
            scenario_file=path,
            scenario=scenario,
            speed=1.0,
            consumers=[consumer_of(MODE, {})],
            cluster=timed,  # type: ignore[arg-type]
            run_id="breadth",
            folder=place / "recording",
            progress=watch.progress,
            registry=registry,
        )
        experiment.run()
        watch.begin("load")
        broker_mib = _broker_mib()
    finally:
        cluster.stop()
        registry.close()
    recording = load_recording(place / "recording")
    watch.begin("judge")
    verdict = Verdict(recording)
    found = {check: verdict.judge(check, MODE, **thresholds) for check, thresholds in CRITERIA.items()}
    found |= {check: verdict.judge(check, "run") for check in ("producer_kept_plan", "recording_is_sound")}
    watch.begin("charts")
    run_charts(verdict.stored(curves=True), [MODE])
    watch.begin("verdict.json")
    verdict.to_text()
    watch.begin("end")
    unmet = [f"{f.status}: {f.sentence}" for f in found.values() if f.status != "pass"]
    history = recording.consumers[MODE]
    figures = {
        "topics": topics,
        "partitions": topics * PARTITIONS,
        "messages acked": len(recording.acked),
        "delivered": len(history.delivered),
        "verdict": "; ".join(unmet) or f"pass ({len(found)} criteria)",
        "longest wait of a live quiet message": found["latency_at_most"].measured,
        "consumer, peak MiB": round(history.peak_memory_bytes / 2**20),
        "broker, MiB": round(broker_mib),
        "this process, peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "consumer's events, MiB": round(_size_mib(place / "recording" / MODE / "events.jsonl"), 1),
        "samples, MiB": round(_size_mib(place / "recording" / "samples.jsonl"), 1),
        **{f"{name}, s": round(seconds, 1) for name, seconds in watch.seconds().items()},
    }
    click.echo(json.dumps(figures))


class Phases:
    """When each phase of the run began, by its reports of progress."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}

    def begin(self, name: str) -> None:
        self._began.setdefault(name, time.monotonic())

    def progress(self, text: str) -> None:
        for sign, name in (
            ("producing", "backlog"),
            ("waiting", "start and assignment"),
            ("0 of", "live traffic"),
            ("draining", "drain and stop"),
        ):
            if text.startswith(sign):
                self.begin(name)

    def seconds(self) -> dict[str, float]:
        names = list(self._began)
        return {a: self._began[b] - self._began[a] for a, b in pairwise(names)}


class Timed:
    """A cluster that reports when topics are created."""

    def __init__(self, cluster: Cluster, watch: Phases) -> None:
        self._cluster, self._watch = cluster, watch

    def __getattr__(self, name: str) -> object:
        return getattr(self._cluster, name)

    def create_topics(self, partitions: Mapping[str, int]) -> None:
        self._watch.begin("create topics")
        self._cluster.create_topics(partitions)


def _scenario(topics: int) -> dict[str, object]:
    # The broker takes some milliseconds to open a partition for its first message: 5,000 at once would all
    # wait for that. So each has one before the live traffic begins, and the topics have theirs in groups.
    groups = min(GROUPS, (topics - 1) // 2)
    quiet = {
        f"quiet-{group}": {
            "volume": "low",
            "partitions": PARTITIONS,
            "backlog": PARTITIONS,
            "traffic": "1 every 1 s",
            "starts_after": f"{(group + 1) * 1000 // (groups + 1)} ms",
            "count": len(range(group, topics - 1, groups)),
            "output": f"quiet-{group}.json",
        }
        for group in range(groups)
    }
    hot = {"volume": "high", "partitions": PARTITIONS, "backlog": 10_000, "traffic": "40 every 100 ms"}
    return {
        "title": f"{topics} topics",
        "duration": "20 s",
        # A quarter more than what arrives, so that the backlog is worked off beside the live traffic.
        "sink": f"{400 + (topics - 1) * 1.25 + 250:g} per second",
        "topics": {"hot": {**hot, "output": "hot.json"}, **quiet},
    }


def _broker_mib() -> float:
    """The process id of the broker that this process has started."""
    children = psutil.Process().children(recursive=True)
    return sum(child.memory_info().rss for child in children if "java" in child.name()) / 2**20


def _size_mib(path: Path) -> float:
    return path.stat().st_size / 2**20


if __name__ == "__main__":
    main()
