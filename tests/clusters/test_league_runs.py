"""Small leagues, run on the mock cluster."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fairpoll.base.waiting import wait_until
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.league.contestants import built_in, chosen, load_examples
from fairpoll.league.pages import Setting, write_pages
from fairpoll.league.rows import CONDITIONS
from fairpoll.league.runs import League
from running import running

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SPECIFIED = ROOT / "resources" / "scenarios" / "specified.yaml"
SETTING = Setting("specified", 20.0, "the mock cluster", "2026-11-23 12:00 UTC", 2, "fairpoll league")


@pytest.fixture
def cluster(tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    cluster = open_cluster("mock", ClusterOptions(tmp_path / "logs"), registry, warn=print)
    yield cluster
    cluster.stop()


@pytest.mark.slow
def test_a_plain_poll_loop_starves_and_the_built_in_async_does_not(
    cluster: Cluster, registry: Registry, tmp_path: Path
):
    (poll,) = chosen(load_examples(EXAMPLES), ["confluent-kafka-poll"])
    program = (sys.executable, str(EXAMPLES / "confluent-kafka-poll" / "consumer.py"))
    everybody = [built_in()[1], replace(poll, command=program, build="")]
    small = League(cluster, SPECIFIED, 20.0, 4, tmp_path, registry, report=print)
    rows = small.run(everybody, lambda so_far: write_pages(tmp_path, so_far, SETTING))
    found = {(row.contestant.key, row.condition.key): row for row in rows}
    assert [found["async", condition.key].outcome for condition in CONDITIONS] == ["served"] * 4
    starved = found["confluent-kafka-poll", "backlog"]
    assert starved.outcome == "starved", starved.why
    assert (starved.figures.lost, starved.figures.duplicated, starved.figures.low_acked) == (0, 0, 40)
    assert (tmp_path / starved.evidence / "verdict.json").exists()
    assert "starved" in (tmp_path / "league.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_early_leaves_nothing_running(tmp_path: Path, number: signal.Signals):
    command = [sys.executable, "-m", "fairpoll", "league", "--cluster", "mock", "--only", "async"]
    process = subprocess.Popen(
        [*command, "--output-folder", str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: list(tmp_path.glob("evidence/*/async/events.jsonl")), 30, "the first run")
        children = psutil.Process(process.pid).children

        # The mock, the producer, two consumers.
        started = wait_until(lambda: some if len(some := children(recursive=True)) >= 4 else [], 30, "both")
        process.send_signal(number)
        assert process.wait(40) == 1
        assert running(started) == []
    finally:
        process.kill()
