"""A consumer of the consumer protocol (KIP-848), killed in the traffic, and whether it delivers again."""

import sys
from pathlib import Path

from fairpoll.checkers import DELIVERY_GUARANTEES, judge
from fairpoll.checkers.finding import Finding
from fairpoll.cluster.base import Cluster
from fairpoll.contract.subject import Subject
from fairpoll.run.recorder import Recorder
from fairpoll.scenarios.packaged import find_scenario

CONSUMERS = Path(__file__).parents[1] / "must_fail" / "consumers.py"


def judged_after_a_kill(cluster: Cluster, tmp_path: Path) -> tuple[Finding, str]:
    """The finding of `delivers_again` after a run of crash.yaml, and the run's progress.

    Asserts that the consumer kept every delivery guarantee.
    """
    subject = Subject("mine", (sys.executable, str(CONSUMERS), "consumer protocol"))
    shown: list[str] = []
    with Recorder(cluster, tmp_path / "runs") as recorder:
        recording = recorder.record("killed", find_scenario("crash.yaml"), 1.0, [subject], shown.append)
    for criterion in DELIVERY_GUARANTEES:
        finding = judge(criterion, recording, "mine")
        assert finding.status == "pass", finding.sentence
    return judge("delivers_again", recording, "mine", seconds=5.0), " ".join(shown)
