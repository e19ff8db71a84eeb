"""What is seen of the consumers from outside."""

import json
import threading
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from brokers import opened
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.run.offsets_log import OffsetsLog
from fairpoll.run.recorder import Recorder
from fairpoll.run.sampler import Sampler
from fairpoll.scenarios.packaged import find_scenario


def test_a_look_tells_what_has_changed_and_the_last_one_all(tmp_path: Path, registry: Registry):
    cluster, _ = opened("mock", tmp_path, registry)
    samples = tmp_path / "samples.jsonl"
    try:
        cluster.create_topics({"t": 3})
        producer = Producer(cluster.client_config)
        producer.produce("t", b"x", partition=1)
        assert producer.flush(20) == 0
        sampler = Sampler(samples, cluster.client_config, {"c": "g"}, {"t": 3})
        client = Consumer({**cluster.client_config, "group.id": "g"})
        for offset in (1, 1, 2):
            client.commit(
                offsets=[TopicPartition("t", 0, 7), TopicPartition("t", 1, offset)], asynchronous=False
            )
            sampler.tick()
        client.close()
        sampler.finish()
    finally:
        cluster.stop()
    events = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    looks = [{(o["partition"], o["offset"]) for o in one["offsets"]} for one in events]
    assert [one["name"] for one in events] == ["committed_offsets"] * 4 + ["log_start"]
    assert looks == [{(0, 7), (1, 1)}, set(), {(1, 2)}, {(0, 7), (1, 2)}, {(0, 0), (1, 0), (2, 0)}]


def test_the_last_look_is_repeated_until_each_partition_is_answered(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    """After a broker was frozen, the coordinator refused the connection once: nothing was recorded."""
    cluster, _ = opened("mock", tmp_path, registry)
    samples = tmp_path / "samples.jsonl"
    try:
        cluster.create_topics({"t": 2})
        client = Consumer({**cluster.client_config, "group.id": "g"})
        client.commit(offsets=[TopicPartition("t", 0, 7), TopicPartition("t", 1, 8)], asynchronous=False)
        client.close()
        sampler = Sampler(samples, cluster.client_config, {"c": "g"}, {"t": 2})
        ask, answers = sampler._committed, [0]

        def refused_at_first(name: str) -> list[TopicPartition] | None:
            answers[0] += 1
            return None if answers[0] < 3 else ask(name)

        monkeypatch.setattr(sampler, "_committed", refused_at_first)
        sampler.finish()
    finally:
        cluster.stop()
    first = json.loads(samples.read_text("utf-8").splitlines()[0])
    assert {(o["partition"], o["offset"]) for o in first["offsets"]} == {(0, 7), (1, 8)}
    assert first["final"]
    assert answers == [3]


def test_no_sample_is_taken_while_the_log_is_closed(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    """A sample asks a client of the log for the members; that client was closed once, and the run failed."""
    cluster, _ = opened("mock", tmp_path, registry)
    running: list[set[str]] = []
    leave = OffsetsLog.__exit__

    def close(log: OffsetsLog, *error: BaseException) -> None:
        running.append({thread.name for thread in threading.enumerate()})
        leave(log, *error)

    monkeypatch.setattr(OffsetsLog, "__exit__", close)
    try:
        with Sampler(tmp_path / "samples.jsonl", cluster.client_config, {"c": "g"}, {"t": 1}):
            pass
    finally:
        cluster.stop()
    (names,) = running
    assert "sampler" not in names


class StoppedError(Exception):
    """Ends a run as Ctrl-C does."""


def test_the_last_look_at_commits_comes_after_the_consumers_have_stopped_also_after_an_error(
    tmp_path: Path, registry: Registry
):
    cluster, _ = opened("mock", tmp_path, registry)
    try:
        with Recorder(cluster, tmp_path / "runs", registry) as recorder:
            scenario = find_scenario("specified.yaml")
            experiment = recorder.prepare("cut off", scenario, 10.0, [Subject.built_in("async")])

            def interrupt() -> None:
                # Long enough for the first commit, which the consumer sends after half a second.
                wait_until(lambda: '"offset":' in samples.read_text("utf-8"), 20, "a commit")
                raise StoppedError

            samples = experiment.folder / "samples.jsonl"
            experiment.meet = interrupt
            with pytest.raises(StoppedError):
                experiment.run()
    finally:
        cluster.stop()
    events = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    (final,) = (event for event in events if event.get("final"))
    facts = json.loads((experiment.folder / "run.json").read_text("utf-8"))
    assert final["offsets"]
    assert [process["exit_code"] for process in facts["processes"]] == [0]
    assert final["timestamp"] > facts["processes"][0]["ended_ms"]
