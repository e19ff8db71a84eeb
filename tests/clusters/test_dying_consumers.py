"""Whole runs whose consumer dies: the run goes on, and what was recorded is judged."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairpoll.checkers import judge
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.run.recorder import Recorder

SCENARIO = Path(__file__).parents[1] / "must_fail" / "steady.yaml"
# The fair consumer, which ends after this many records or at the beginning of the drain.
PROGRAM = """
import os, sys
from fairpoll.cli.consume import consume
from fairpoll.consumers import MODES, FairConsumer

class Dies(FairConsumer):
    records = 0

    def deliver(self, records):
        super().deliver(records)
        self.records += len(records)
        if sys.argv[1] == "traffic" and self.records >= 300:
            os._exit(7)

    def control(self, line):
        if sys.argv[1] == "drain" and line.strip() == "drain":
            os._exit(7)
        super().control(line)

MODES["async"] = Dies
consume.main(["--mode", "async", "--controlled"])
"""


@pytest.fixture
def cluster(tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    cluster = open_cluster("mock", ClusterOptions(tmp_path / "logs"), registry, warn=print)
    yield cluster
    cluster.stop()


def recorded(cluster: Cluster, folder: Path, *consumers: Subject) -> Recording:
    with Recorder(cluster, folder) as recorder:
        return recorder.record("dies", SCENARIO, 1.0, consumers)


def dies(when: str) -> Subject:
    return Subject("mine", (sys.executable, "-c", PROGRAM, when))


@pytest.mark.slow
@pytest.mark.parametrize("when", ["traffic", "drain"])
def test_a_consumer_that_dies_is_judged_by_what_it_did(when: str, cluster: Cluster, tmp_path: Path):
    recording = recorded(cluster, tmp_path, Subject.built_in("async"), dies(when))
    died = judge("stays_alive", recording, "mine")
    assert died.status == "fail"
    assert died.sentence.startswith("mine ended on its own with exit code 7 at second ")
    at = died.figures["at_seconds"]
    assert isinstance(at, float)
    assert (0 < at < recording.duration) == (when == "traffic")
    assert at < recording.drained_until
    assert recording.complete
    assert judge("nothing_lost", recording, "mine").status == "fail"
    # It left partitions paused, as any fair consumer under overload.
    assert recording.consumers["mine"].events_named("partitions_paused")
    for name in ("pauses_pair_up", "order_kept", "no_forbidden_duplicates", "content_intact"):
        assert judge(name, recording, "mine").status == "pass", name
    assert judge("stays_alive", recording, "async").status == "pass"
    assert judge("nothing_lost", recording, "async").status == "pass"
