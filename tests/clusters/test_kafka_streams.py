"""A Kafka Streams application, judged by the topic that it writes to, across SIGKILL."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fairpoll.checkers import judge
from fairpoll.cluster import Cluster
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.run.recorder import Recorder

PROGRAM = Path(__file__).parents[2] / "examples" / "deployed" / "kafka-streams"
BUILD = (
    "mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies "
    "-DoutputDirectory={target}/lib && javac -d {target}/classes -cp '{target}/lib/*' Copy.java"
)
SCENARIO = """
title: Kafka Streams, killed once
duration: 20 s
sink: 200 per second
consumer: {session_timeout_ms: 3000}
timeline: [{at: 6 s, do: kill}, {at: 7 s, do: start}]
topics:
  busy: {volume: high, partitions: 2, backlog: 300, traffic: 5 every 100 ms, output: busy.json}
  quiet: {volume: low, partitions: 1, traffic: 1 every 200 ms, output: quiet.json}
"""

pytestmark = [
    pytest.mark.local,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("mvn") or not shutil.which("javac"), reason="no mvn or javac"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("streams")
    subprocess.run(["sh", "-c", BUILD.format(target=target)], check=True, cwd=PROGRAM, timeout=600)
    return f"java -Xmx256m -cp {target}/classes:{target}/lib/* Copy"


def recorded(cluster: Cluster, folder: Path, program: str, guarantee: str) -> Recording:
    file = folder / "scenario.yaml"
    file.write_text(SCENARIO, "utf-8")
    command = shlex.join([*program.split(), guarantee])
    texts = {"command": command, "name": "streams", "evidence": "topic", "delivery": "exactly-once"}
    with Recorder(cluster, folder) as recorder:
        return recorder.record("streams", file, 1.0, [Subject.parse("yours", texts)])


def findings(recording: Recording) -> dict[str, str]:
    names = ("nothing_lost", "delivered_once", "only_acked_delivered", "order_kept", "commits_never_ahead")
    return {name: judge(name, recording, "streams").status for name in names}


def test_with_exactly_once_on_a_message_has_its_effect_once(cluster: Cluster, tmp_path: Path, program: str):
    recording = recorded(cluster, tmp_path, program, "exactly_once_v2")
    assert set(findings(recording).values()) == {"pass"}, findings(recording)
    # A transaction that the killed process left open ends with its timeout of 10 s; until then nothing comes.
    waited = judge("oldest_wait_at_most", recording, "streams", volume="low", seconds=20.0)
    assert waited.status == "pass", waited.sentence


def test_with_exactly_once_off_a_crash_repeats_what_it_had_not_committed(
    cluster: Cluster, tmp_path: Path, program: str
):
    recording = recorded(cluster, tmp_path, program, "at_least_once")
    expected = dict.fromkeys(findings(recording), "pass") | {"delivered_once": "fail"}
    assert findings(recording) == expected
    repeated = judge("delivered_once", recording, "streams")
    assert "that were delivered before, expected none" in repeated.sentence
    assert judge("no_forbidden_duplicates", recording, "streams").status == "pass"
