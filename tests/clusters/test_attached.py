"""Consumers that run already are judged from outside, on a real broker."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import deployed
from brokers import opened
from fairpoll.base.errors import ClusterError
from fairpoll.checkers import judge
from fairpoll.cluster import Cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.run.recorder import Recorder
from fairpoll.verdicts.shown import not_shown

GROUP, ORDERS, ALERTS, INVOICES = "billing", "prod.orders", "prod.alerts", "prod.invoices"
RATE = 100
SCENARIO = f"""
title: The deployed consumer
duration: 12 s
sink: {RATE} per second
group: {GROUP}
topics:
  orders:
    {{volume: high, partitions: 2, backlog: 1500, traffic: 5 every 100 ms, output: orders.json,
      name: {ORDERS}, create: no}}
  alerts:
    {{volume: low, partitions: 1, traffic: 1 every 500 ms, output: alerts.json, name: {ALERTS}, create: no}}
"""
WAIT_SECONDS = 5.0

pytestmark = [pytest.mark.local, pytest.mark.slow]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Registry() as registry:
        cluster, _ = opened("local", tmp_path_factory.mktemp("broker"), registry)
        yield cluster.client_config["bootstrap.servers"]
        cluster.stop()


@pytest.fixture
def cluster(servers: str, tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    cluster, _ = opened("external", tmp_path, registry, bootstrap_servers=servers)
    cluster.create_topics({ORDERS: 2, ALERTS: 1, INVOICES: 1})
    yield cluster
    cluster.delete([ORDERS, ALERTS, INVOICES], [GROUP])
    cluster.stop()


@contextmanager
def deployed_consumer(
    servers: str, folder: Path, *command: str, topics: tuple[str, ...] = (ORDERS, ALERTS)
) -> Iterator["subprocess.Popen[bytes]"]:
    """Somebody else's process: it is neither a child of a run nor stopped by one."""
    out = folder / "deployed"
    out.mkdir()
    environment = {
        "FAIRPOLL_BOOTSTRAP_SERVERS": servers,
        "FAIRPOLL_GROUP": GROUP,
        "FAIRPOLL_TOPICS": " ".join(f"{topic}={topic}.json" for topic in topics),
        "FAIRPOLL_OUTPUT_FOLDER": str(out),
        "FAIRPOLL_MEMBER": "member-1",
        "FAIRPOLL_SINK_RATE": str(RATE),
        "FAIRPOLL_OUTPUT_TOPIC": INVOICES,
        "FAIRPOLL_SESSION_TIMEOUT_MS": "6000",
        "FAIRPOLL_HEARTBEAT_INTERVAL_MS": "2000",
    }
    with (out / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        yield process
        assert process.poll() is None, (out / "log").read_text("utf-8")
    finally:
        process.terminate()
        process.wait(20)


def consume(mode: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "fairpoll", "consume", "--mode", mode)


def recorded(cluster: Cluster, folder: Path, **texts: str) -> Recording:
    (folder / "deployed.yaml").write_text(SCENARIO, "utf-8")
    mine = Subject.parse("yours", {"attach": "yes", "name": "mine", **texts})
    with Recorder(cluster, folder / "runs") as recorder:
        return recorder.record("attached", folder / "deployed.yaml", 1.0, [Subject.built_in("sync"), mine])


def status(recording: Recording, name: str, **thresholds: object) -> tuple[str, str]:
    finding = judge(name, recording, "mine", **thresholds)
    return finding.status, finding.sentence


def test_a_fair_consumer_passes_by_its_commits_and_is_left_running(
    cluster: Cluster, servers: str, tmp_path: Path
):
    with deployed_consumer(servers, tmp_path, *consume("async")):
        recording = recorded(cluster, tmp_path)
    assert status(recording, "oldest_wait_at_most", volume="low", seconds=WAIT_SECONDS)[0] == "pass"
    for name, thresholds in (("no_stall", {"seconds": 10.0}), ("every_partition_served", {"seconds": 10.0})):
        assert status(recording, name, **thresholds)[0] == "pass", status(recording, name, **thresholds)[1]
    # It was not stopped, and the run waited for its last commits.
    final, acked = recording.consumers["mine"].final_offsets, recording.acked
    assert final == {p: int(acked.offset[rows.stop - 1]) + 1 for p, rows in acked.by_partition.items()}
    history = recording.consumers["mine"]
    assert history.evidence >= {"commits", "assignments"}
    assert not history.evidence & {"processes", "records", "buffers"}
    assert not recording.processes_of("mine")
    assert (recording.facts.groups["mine"], recording.facts.judged["mine"].attach) == (GROUP, True)
    for name in ("stays_alive", "stops_when_asked", "memory_grows_at_most", "memory_bounded"):
        assert not_shown(name, recording, "mine") == "processes"


def test_a_starving_consumer_fails_by_its_commits(cluster: Cluster, servers: str, tmp_path: Path):
    with deployed_consumer(servers, tmp_path, *consume("sync")):
        recording = recorded(cluster, tmp_path)
    verdict, sentence = status(recording, "oldest_wait_at_most", volume="low", seconds=WAIT_SECONDS)
    assert verdict == "fail", sentence


def test_one_that_drops_records_fails_by_the_topic_that_it_writes_to(
    cluster: Cluster, servers: str, tmp_path: Path
):
    command = (sys.executable, deployed.__file__, "topic", "drops")
    with deployed_consumer(servers, tmp_path, *command):
        recording = recorded(cluster, tmp_path, evidence=f"topic:{INVOICES}")
    assert status(recording, "nothing_lost")[0] == "fail"
    assert status(recording, "only_acked_delivered")[0] == "pass"
    assert "records" in recording.consumers["mine"].evidence


def test_a_group_without_members_or_without_a_topic_is_refused_before_anything_is_produced(
    cluster: Cluster, servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fairpoll.run.experiment.Experiment.ready_seconds", 2.0)
    with pytest.raises(ClusterError, match=f"group {GROUP} has no members; start the consumer"):
        recorded(cluster, tmp_path)
    (tmp_path / "other").mkdir()
    monkeypatch.setattr("fairpoll.run.experiment.Experiment.ready_seconds", 20.0)
    one_topic = deployed_consumer(servers, tmp_path / "other", *consume("sync"), topics=(ORDERS,))
    with (
        one_topic,
        pytest.raises(
            ClusterError,
            match=f"group {GROUP} has 1 member, which owns 2 of the 3 partitions of the run's topics, "
            f"without {ALERTS}/0; the consumer must subscribe",
        ),
    ):
        recorded(cluster, tmp_path)
    ledgers = list((tmp_path / "runs").rglob("ledger.jsonl"))
    assert not ledgers


def test_the_command_needs_no_consumer_and_names_it_after_its_group(
    cluster: Cluster, servers: str, tmp_path: Path
):
    (tmp_path / "deployed.yaml").write_text(SCENARIO, "utf-8")
    command = shlex.split(f"{Path(sys.executable).with_name('fairpoll')} test --attach yes --scenario")
    command += [str(tmp_path / "deployed.yaml"), "--bootstrap-servers", servers, "--output-folder"]
    with deployed_consumer(servers, tmp_path, *consume("sync")):
        done = subprocess.run(
            [*command, str(tmp_path / "out")], capture_output=True, text=True, timeout=200, check=False
        )
    assert done.returncode == 1, done.stdout + done.stderr
    (run,) = json.loads((tmp_path / "out" / "verdict.json").read_text("utf-8"))["runs"]
    statuses = {f["check"]: f["status"] for f in run["findings"] if f["consumer"] == GROUP}
    assert statuses["oldest_wait_at_most"] == "fail"
    assert set(run["not_shown"][GROUP]["processes"]) >= {"stays_alive", "stops_when_asked"}
    assert run["judged"][GROUP]["attach"] is True
