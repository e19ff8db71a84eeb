"""Runs in parts on a real broker: each part a process that knows an address and nothing else."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fairpoll.base.errors import ClusterError, HistoryError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.leftovers import Registry
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.run.distributed import fetching
from fairpoll.run.distributed.handover import CHUNK_BYTES, pull, push
from fairpoll.run.distributed.run_topic import RunTopic
from fairpoll.verdicts.rejudge import judge_again
from fairpoll.verdicts.verdict import Verdict

ROOT = Path(__file__).parents[2]
TOPIC = "the-run-topic"
# Whole runs take 20 s; a machine with other work may take longer.
PATIENCE_SECONDS = 120
SHIFT_SECONDS = 3.0
SCENARIO = """
title: Parts
duration: 4 s
sink: 200 per second
topics:
  busy: {volume: high, partitions: 3, backlog: 60, traffic: 5 every 200 ms, output: busy.json}
  quiet: {volume: low, partitions: 1, traffic: 1 every 200 ms, output: quiet.json}
"""

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The client configuration of a broker of this module's."""
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        registry = Registry()
        cluster = open_cluster("local", ClusterOptions(folder / "logs"), registry, warn=print)
        yield cluster.client_config
        cluster.stop()
        registry.close()


class Parts:
    """Starts `fairpoll` commands side by side, and ends those that are left."""

    def __init__(self, config: Mapping[str, str], folder: Path) -> None:
        scenario = folder / "scenario.yaml"
        scenario.write_text(SCENARIO, "utf-8")
        self._folder = folder
        self._variables = {
            "FAIRPOLL_BOOTSTRAP_SERVERS": config["bootstrap.servers"],
            "FAIRPOLL_EVIDENCE_TOPIC": TOPIC,
            "FAIRPOLL_SCENARIO_FILE": str(scenario),
        }
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "libraries"), **self._variables, **variables}
        log = (self._folder / f"{len(self.processes)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "fairpoll", *command],
            env=environment,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *command: str, **variables: str) -> str:
        """Run it to its end, which must be a good one; what it printed."""
        index = len(self.processes)
        process = self.start(*command, **variables)
        assert process.wait(PATIENCE_SECONDS) == 0, process.stderr and process.stderr.read()
        return (self._folder / f"{index}.log").read_text()

    def ended(self) -> None:
        for process in self.processes:
            assert process.wait(PATIENCE_SECONDS) == 0, process.stderr and process.stderr.read()

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def parts(config: dict[str, str], tmp_path: Path) -> Iterator[Parts]:
    parts = Parts(config, tmp_path)
    yield parts
    parts.stop()


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_producers_started_together_share_the_traffic(parts: Parts, tmp_path: Path):
    producers = [parts.start("produce", "--create-topics") for _ in range(4)]
    for producer in producers:
        assert producer.wait(PATIENCE_SECONDS) == 0, producer.stderr and producer.stderr.read()
    folder = tmp_path / "pulled"
    parts.run("evidence", "pull", str(folder))
    again = judge_again(folder)
    assert again.verdict.worst == "pass", [f.sentence for f in again.verdict.findings]
    # A backlog of 60, 20 bursts of 5; 20 quiet ones, all of them with one producer.
    assert len(again.verdict.recording.acked) == 60 + 100 + 20
    ledgers = [(folder / layout.ledger_of(number)).read_text() for number in (1, 2, 3, 4)]
    assert [text.count("producer_send_success") > 0 for text in ledgers] == [True] * 4
    assert len([text for text in ledgers if '"topic":"quiet"' in text]) == 1
    # Once more, alone: another run, which is then the last one.
    parts.run("produce", "--create-topics")
    parts.run("evidence", "pull", str(tmp_path / "second"))
    second = load_recording(tmp_path / "second")
    assert second.run_id != again.verdict.recording.run_id
    assert second.facts.shards == 1


def shifted(folder: Path) -> str:
    """A PYTHONPATH on which a process, and what it starts, lives SHIFT_SECONDS ahead of everybody else."""
    folder.mkdir()
    lines = ["import time", "real = time.time", f"time.time = lambda: real() + {SHIFT_SECONDS}"]
    (folder / "sitecustomize.py").write_text("\n".join(lines), "utf-8")
    return f"{folder}{os.pathsep}{ROOT / 'libraries'}"


def test_a_planned_run_with_a_consumer_whose_clock_is_wrong(
    parts: Parts, config: dict[str, str], tmp_path: Path
):
    variables = {"FAIRPOLL_RUN_ID": "planned"}
    parts.start("run-consumer", "sync", **variables)
    parts.start("run-consumer", "async", **variables, PYTHONPATH=shifted(tmp_path / "ahead"))
    for index in "10":
        parts.start("produce", **variables, JOB_COMPLETION_INDEX=index)
    plan = ("plan", "--shards", "2", "--consumer", "sync", "--consumer", "async")
    assert parts.run(*plan, **variables) == "planned\n"
    folder = tmp_path / "pulled"
    parts.run("evidence", "pull", "--wait-seconds", "100", str(folder), **variables)
    parts.ended()
    first = judge_again(folder)
    assert first.verdict.worst == "pass", [f.sentence for f in first.verdict.findings]
    run_text = (folder / layout.RUN).read_text("utf-8")
    facts = json.loads(run_text)
    assert abs(first.verdict.recording.facts.clocks["async"].offset_ms - SHIFT_SECONDS * 1000) < 100
    # As on one machine: all partitions were assigned before the start, and the files were observed.
    assert facts["start_ms"] - 10_000 < facts["assigned_ms"] < facts["start_ms"]
    for name in facts["consumers"]:
        stamps = first.verdict.recording.consumers[name].stamps
        assert stamps.observed > 0
        assert (stamps.early, stamps.late) == (0, 0)

    def waited(**clock: float) -> tuple[str, float]:
        clocks = {**facts["clocks"], "async": {"offset_ms": 0.0, "error_ms": 0.0, **clock}}
        path = folder / layout.RUN
        path.write_text(json.dumps({**facts, "clocks": clocks}), "utf-8")
        finding = Verdict(load_recording(folder)).judge(
            "oldest_wait_at_most", "async", volume="low", seconds=2
        )
        return finding.status, float(str(finding.figures.get("oldest_wait_seconds", 0)))

    # As measured; as if it had not been; and as if nobody could tell.
    status, wait = waited(**facts["clocks"]["async"])
    assert (status, wait < 2) == ("pass", True)
    status, wait = waited()
    assert (status, wait > 2) == ("fail", True)
    assert waited(error_ms=3_000.0)[0] == "inconclusive"

    # The recording handed in as it lies there, and fetched again: the same bytes, the same verdict.
    (folder / layout.RUN).write_text(run_text, "utf-8")
    first.verdict.write()
    parts.run("evidence", "push", str(folder), FAIRPOLL_RUN_ID="once-more")
    parts.run("evidence", "pull", str(tmp_path / "again"), FAIRPOLL_RUN_ID="once-more")
    assert bytes_of(tmp_path / "again") == bytes_of(folder)
    assert judge_again(tmp_path / "again").same


def test_a_producer_that_dies_makes_it_inconclusive_by_its_name(parts: Parts, tmp_path: Path):
    variables = {"FAIRPOLL_RUN_ID": "one-dies"}
    parts.run("plan", "--shards", "2", **variables)
    parts.start("produce", **variables, JOB_COMPLETION_INDEX="0")
    victim = parts.start("produce", **variables, JOB_COMPLETION_INDEX="1")
    log = tmp_path / "2.log"
    wait_until(lambda: '"batch":0' in log.read_text(), 60, "the live traffic to begin")
    victim.kill()
    folder = tmp_path / "pulled"
    parts.run("evidence", "pull", "--wait-seconds", "10", str(folder), **variables)
    finding = Verdict(load_recording(folder)).judge("recording_is_sound", "run")
    assert finding.status == "inconclusive"
    assert finding.sentence.startswith("ledger/2.jsonl is missing: 2 producers wrote one each")


def test_one_that_is_stopped_hands_in_what_it_has(parts: Parts, tmp_path: Path):
    variables = {"FAIRPOLL_RUN_ID": "stopped"}
    parts.run("plan", **variables)
    producer = parts.start("produce", **variables)
    log = tmp_path / "1.log"
    wait_until(lambda: '"batch":0' in log.read_text(), 60, "the live traffic to begin")
    producer.terminate()
    assert producer.wait(30) == 1
    folder = tmp_path / "pulled"
    parts.run("evidence", "pull", str(folder), **variables)
    assert len(load_recording(folder).acked) >= 60
    finding = Verdict(load_recording(folder)).judge("recording_is_sound", "run")
    assert "(producer-1: stopped before the traffic's end)" in finding.sentence


@pytest.fixture
def in_the_traffic(parts: Parts, tmp_path: Path) -> subprocess.Popen[str]:
    """The process of the only consumer of the run `one-goes`, in the live traffic of its only producer."""
    variables = {"FAIRPOLL_RUN_ID": "one-goes-" + tmp_path.name}
    parts.run("plan", "--consumer", "async", **variables)
    parts.start("produce", **variables)
    consumer = parts.start("run-consumer", "async", **variables)
    log = tmp_path / "1.log"
    wait_until(lambda: '"batch":9' in log.read_text(), 60, "the middle of the live traffic")
    return consumer


def test_a_consumer_that_is_stopped_in_the_traffic_is_accused_of_nothing(
    parts: Parts, in_the_traffic: subprocess.Popen[str], tmp_path: Path
):
    """As a pod that is deleted: it hands in what it has."""
    in_the_traffic.terminate()
    assert in_the_traffic.wait(60) == 1
    folder, run_id = tmp_path / "pulled", "one-goes-" + tmp_path.name
    parts.run("evidence", "pull", "--wait-seconds", "60", str(folder), FAIRPOLL_RUN_ID=run_id)
    verdict = judge_again(folder).verdict
    assert [f.sentence for f in verdict.findings if f.status == "fail"] == []
    assert verdict.worst == "inconclusive"
    sound = verdict.judge("recording_is_sound", "run")
    assert "async: stopped before the run's end" in sound.sentence


def test_a_part_that_is_killed_is_given_up_by_its_silence(
    parts: Parts, in_the_traffic: subprocess.Popen[str], config: dict[str, str], monkeypatch, tmp_path: Path
):
    in_the_traffic.kill()
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 12.0)
    said: list[str] = []
    with RunTopic(config, TOPIC) as topic:
        run = fetching.awaited_run(topic, "one-goes-" + tmp_path.name, 600, said.append)
        assert run is not None
        fetching.fetch(topic, run, tmp_path / "pulled")
    assert said[-1] == "given up after 12 s without a sign of life: async"
    sentence = Verdict(load_recording(tmp_path / "pulled")).judge("recording_is_sound", "run").sentence
    assert re.search(
        r"async did not hand in its evidence; its last sign of life was at second -?\d", sentence
    )


def test_one_too_many_is_refused(parts: Parts):
    variables = {"FAIRPOLL_RUN_ID": "full"}
    parts.run("plan", **variables)
    one, other = (parts.start("produce", **variables) for _ in range(2))
    codes = sorted((one.wait(PATIENCE_SECONDS), other.wait(PATIENCE_SECONDS)))
    assert codes == [0, 1]
    loser = one if one.returncode else other
    assert loser.stderr
    assert "all 1 shards of run full were taken before this producer joined" in loser.stderr.read()


def test_a_consumer_that_ends_before_the_start_ends_the_run(parts: Parts, tmp_path: Path):
    variables = {"FAIRPOLL_RUN_ID": "ends-early"}
    parts.run("plan", "--consumer", "mine", **variables)
    producer = parts.start("produce", **variables)
    consumer = parts.start("run-consumer", "mine", "sh", "-c", "exit 3", **variables)
    assert (producer.wait(PATIENCE_SECONDS), consumer.wait(PATIENCE_SECONDS)) == (1, 1)
    assert consumer.stderr
    assert "ended on its own with exit code 3" in consumer.stderr.read()
    assert producer.stderr
    assert "mine has ended before the start: mine (sh" in producer.stderr.read()
    parts.run("evidence", "pull", str(tmp_path / "pulled"), **variables)
    with pytest.raises(HistoryError, match="cut off before its traffic began"):
        load_recording(tmp_path / "pulled")


class TestHandingIn:
    @pytest.fixture
    def topic(self, config: dict[str, str], request: pytest.FixtureRequest) -> Iterator[RunTopic]:
        topic = RunTopic(config, f"files-{abs(hash(request.node.name))}")
        topic.create()
        yield topic
        topic.close()

    def test_large_empty_and_grown_files(self, topic: RunTopic, tmp_path: Path):
        folder = tmp_path / "left"
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "empty").touch()
        (folder / "deep" / "er" / "noise").write_bytes(os.urandom(2 * CHUNK_BYTES + 17))
        growing = folder / "lines.jsonl"
        growing.write_bytes(b"{}\n" * 10)
        files = [(path, path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()]
        assert push(topic, "r", files) == 2 * CHUNK_BYTES + 17 + 30
        assert push(topic, "r", files) == 0
        growing.write_bytes(b"{}\n" * 15)
        assert push(topic, "r", files) == 15
        push(topic, "r2", [(growing, "of another run")])
        assert pull(topic, "r", tmp_path / "got") == []
        assert bytes_of(tmp_path / "got") == bytes_of(folder)

    def test_it_goes_on_where_it_was_cut_off(self, topic: RunTopic, tmp_path: Path):
        content = os.urandom(CHUNK_BYTES + 1000)
        file = tmp_path / "noise"
        file.write_bytes(content)
        topic.publish_chunk("r/noise", content[:CHUNK_BYTES], {"position": "0"})
        assert pull(topic, "r", tmp_path / "half") == ["noise"]
        assert push(topic, "r", [(file, "noise")]) == 1000
        assert pull(topic, "r", tmp_path / "whole") == []
        assert (tmp_path / "whole" / "noise").read_bytes() == content

    def test_another_file_of_the_same_name_is_refused(self, topic: RunTopic, tmp_path: Path):
        file = tmp_path / "file"
        file.write_text("one")
        push(topic, "r", [(file, "file")])
        file.write_text("two")
        with pytest.raises(HistoryError, match="another file was handed in as 'r/file'"):
            push(topic, "r", [(file, "file")])

    @pytest.mark.parametrize(
        "name", ["../out", "/etc/passwd", "a/../../b", "", ".", "a\\b", "a//b", "n\n", "a" * 500]
    )
    def test_a_name_that_leads_out_of_the_folder_is_refused(self, name: str, topic: RunTopic, tmp_path: Path):
        topic.publish_chunk(f"r/{name}", b"x", {"position": "0", "size": "1", "crc32": "0"})
        with pytest.raises(HistoryError, match="is not the name of a file of a recording"):
            pull(topic, "r", tmp_path)

    @pytest.mark.parametrize(
        ("headers", "message"),
        [
            ({}, "a chunk's position is '', not a number"),
            ({"position": "-1"}, "a chunk's position is '-1', not a number"),
            ({"position": "5"}, "nothing was handed in between 0 and 5"),
            ({"position": "0", "size": "1", "crc32": "7"}, "differs from the file that was handed in"),
        ],
    )
    def test_what_does_not_fit_together_is_refused(
        self, headers: dict[str, str], message: str, topic: RunTopic, tmp_path: Path
    ):
        topic.publish_chunk("r/file", b"x", headers)
        with pytest.raises(HistoryError, match=message):
            pull(topic, "r", tmp_path)


def test_a_topic_without_the_brokers_stamps_is_refused(config: dict[str, str], tmp_path: Path):
    admin = Admin(config, tmp_path / "admin.log")
    admin.create_topics({"by-hand": 2}, 1)
    admin.close()
    topic = RunTopic(config, "by-hand")
    with pytest.raises(ClusterError, match=r"has message\.timestamp\.type CreateTime, not LogAppendTime"):
        topic.publish("probe")
    topic.close()
