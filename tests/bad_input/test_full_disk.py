"""A disk that fills up during the run: said in one sentence, and nothing counts that is not in the file."""

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

import interruptions
from fairpoll.base.errors import ConsumerError, FairpollError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster import Cluster, ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.consumers.sink import FileSink
from fairpoll.contract.events import is_cut_off, read_events
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.run.experiment import Experiment
from fairpoll.run.processes import ChildProcess
from fairpoll.scenarios.file import load_scenario
from interruptions import fill

SCENARIO = """
title: until the disk is full
duration: 20 s
sink: 100 per second
topics:
  t: {volume: low, partitions: 1, traffic: 10 every 100 ms, output: t.json}
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, which takes the superuser to mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with contextlib.ExitStack() as mounted:
        try:
            mounted.enter_context(interruptions.small_disk(folder, megabytes=1))
        except subprocess.CalledProcessError:
            pytest.skip("a small file system cannot be mounted here; it takes the superuser")
        yield folder


@pytest.fixture
def cluster(tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    cluster = open_cluster("mock", ClusterOptions(tmp_path / "logs"), registry, warn=print)
    yield cluster
    cluster.stop()


class Record:
    """What a consumer hands to its sink."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return json.dumps({"text": "x" * 1000}).encode()


def test_a_record_that_was_written_in_part_counts_as_not_written(small_disk: Path):
    fill(small_disk, but=8192)
    written = 0
    with FileSink(small_disk, {"t": "t.json"}, None) as sink, pytest.raises(ConsumerError) as error:
        for offset in range(100):
            sink.write([Record(offset)])
            written += 1
    file = small_disk / "t.json"
    assert str(error.value) == f"{file}: disk full (No space left on device)"
    assert is_cut_off(file)  # the part that there was room for
    assert [line["offset"] for line in read_events(file)] == list(range(written))
    (small_disk / "ballast").unlink()
    with FileSink(small_disk, {"t": "t.json"}, None) as sink:
        sink.write([Record(written)])
    assert [line["offset"] for line in read_events(file)] == list(range(written + 1))


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_consumer_ends_with_one_sentence_and_counts_what_the_file_holds(
    mode: str, small_disk: Path, cluster: Cluster, tmp_path: Path
):
    cluster.create_topics({"t": 1})
    producer = Producer(cluster.client_config)
    for _ in range(2_000):
        producer.produce("t", value=Record(0).value(), partition=0)
    assert producer.flush(20) == 0
    command = [*Subject.built_in(mode).command, "--group", "g", "--topic", "t=t.json"]
    command += ["--output-folder", str(small_disk)]
    servers = {"FAIRPOLL_BOOTSTRAP_SERVERS": cluster.client_config["bootstrap.servers"]}
    process = ChildProcess(mode, command, servers, tmp_path / "events.jsonl", tmp_path / "client.log")
    try:
        wait_until(lambda: not process.running, 30, "the consumer to end")
    finally:
        process.stop()
    said = (tmp_path / "client.log").read_text("utf-8")
    assert said == f"fairpoll: {small_disk}/t.json: disk full (No space left on device)\n"
    held = [line["offset"] for line in read_events(small_disk / "t.json")]
    events = list(read_events(tmp_path / "events.jsonl"))
    reported = [
        record["offset"] for e in events if e["name"] == "records_consumed" for record in e["records"]
    ]
    committed = [o["offset"] for e in events if e["name"] == "offsets_committed" for o in e["offsets"]]
    assert len(held) > 500
    assert reported == held
    assert max(committed, default=0) <= len(held)


def test_the_run_ends_with_the_sentence_and_can_still_be_read(
    small_disk: Path, cluster: Cluster, tmp_path: Path
):
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO, "utf-8")
    folder = small_disk / "run"
    run = Experiment(
        scenario_file=file,
        scenario=load_scenario(file),
        speed=1,
        consumers=[Subject.built_in("sync"), Subject.built_in("async")],
        cluster=cluster,
        run_id="full",
        folder=folder,
    )

    def fill_when_delivering() -> None:
        outputs = [folder / mode / "t.json" for mode in ("sync", "async")]
        wait_until(lambda: all(p.exists() and p.stat().st_size > 100_000 for p in outputs), 60, "deliveries")
        fill(small_disk, but=0)

    filling = threading.Thread(target=fill_when_delivering)
    filling.start()
    with pytest.raises(FairpollError) as error:
        run.run()
    filling.join()
    first_line = str(error.value).split("\n")[0]
    assert "disk full" in first_line, first_line
    assert not any(process.running for process in run._processes.started)
    recording = load_recording(folder)
    assert not recording.complete
    for name, history in recording.consumers.items():
        assert history.delivered
        events = read_events(folder / name / layout.EVENTS)
        reported = [record["offset"] for e in events for record in e.get("records", ())]
        assert set(reported) <= {line["offset"] for line in read_events(folder / name / "t.json")}
