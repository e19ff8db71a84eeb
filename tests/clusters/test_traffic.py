"""What the producer sends, when, and what its ledger has of it."""

import io
import json
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from brokers import opened
from fairpoll.base.errors import TrafficError
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.events import Event, EventWriter
from fairpoll.contract.records import MESSAGE_ID_HEADER, checksum_of
from fairpoll.producer.messages import build_message
from fairpoll.producer.traffic import BACKLOG_BATCH, PIECE, TrafficProducer, deliverable_in, live_plan
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.units import Bursts
from histories import SCENARIO

HIGH = TopicPlan("high", "high", 2, Bursts(2, 0.05), "h.json", backlog=600, weights=(3, 1), poison=(1, 601))
LOW = TopicPlan("low", "low", 1, Bursts(1, 0.1), "l.json", message_type="alert", priority="critical")
TRAFFIC = Scenario("traffic", 0.2, 10, (HIGH, LOW))
NOBODY = {"bootstrap.servers": "127.0.0.1:1", "log_level": "0"}


def lines(stream: io.StringIO) -> list[Event]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("awkward", ["plain", "100 %d", 'a "b" \\n', "Grüße \u2603"])
def test_a_body_is_spelled_as_json_spells_it(awkward: str):
    topic = replace(SCENARIO.topics[0], message_type=awkward, priority=awkward)
    _, value, checksum, crc = build_message(topic, awkward, 7, 3, 1000.125)
    body = json.loads(value)
    assert (body["run_id"], body["type"], body["priority"]) == (awkward, awkward, awkward)
    assert body["id"] == f"{awkward}:{topic.name}:7"
    assert (body["sequence"], body["batch_id"], body["intended_ms"]) == (7, 3, 1000.125)
    assert checksum_of(body) == body["checksum"] == checksum
    assert crc == zlib.crc32(value)


def test_every_acked_message_is_a_line_that_tells_where_it_is_and_what_it_holds(
    tmp_path: Path, registry: Registry
):
    cluster, _ = opened("mock", tmp_path, registry)
    names, ledger = {"high": "high.r", "low": "low.r"}, io.StringIO()
    try:
        cluster.create_topics({"high.r": 2, "low.r": 1})
        producer = TrafficProducer(TRAFFIC, "r%d", names, cluster.client_config, EventWriter(ledger))
        producer.produce_backlog()
        producer.produce_live(0.0, threading.Event())
        *_, complete = (event for event in lines(ledger) if event["name"] == "backlog_complete")
        acked = [event for event in lines(ledger) if event["name"] == "producer_send_success"]
        assert (producer.failed, complete["failed"]) == (0, 0)
        assert {("high", s) for s in range(608)} | {("low", 0), ("low", 1)} == {
            (event["topic"], event["sequence"]) for event in acked
        }
        kept = tmp_path / "ledger.jsonl"
        kept.write_text(ledger.getvalue() + ledger.getvalue().splitlines()[0], "utf-8")  # the last is cut off
        assert deliverable_in(kept) == len(acked) - 2
        by_offset = {(names[event["topic"]], event["partition"], event["offset"]): event for event in acked}
        for message in read(cluster.client_config, list(names.values()), len(acked)):
            line = by_offset[message.topic(), message.partition(), message.offset()]
            plan = TRAFFIC.topics[0 if line["topic"] == "high" else 1]
            sent = (plan, "r%d", line["sequence"], line["batch"], line["intended_ms"])
            recorded = (message.key(), message.value(), line["checksum"], line["value_crc32"])
            assert recorded == build_message(*sent)
            # Also on poison messages, whose body has no id.
            message_id = f"r%d:{line['topic']}:{line['sequence']}".encode()
            assert message.headers() == [(MESSAGE_ID_HEADER, message_id)]
            assert line["partition"] == plan.partition_of(line["sequence"])
            assert line["poison"] == (line["sequence"] in plan.poison)
            assert (line["batch"] == BACKLOG_BATCH) == (line["sequence"] < plan.backlog)
            assert line["intended_ms"] <= line["sent_ms"] <= line["timestamp"]
    finally:
        cluster.stop()


def read(config: dict[str, str], topics: list[str], count: int) -> list:
    client = Consumer({**config, "group.id": "reader", "auto.offset.reset": "earliest"})
    client.subscribe(topics)
    found: list = []
    try:
        while len(found) < count:
            found += client.consume(count, 10)
    finally:
        client.close()
    return found


def test_what_is_not_acked_is_told_with_the_reason():
    ledger = io.StringIO()
    config = {**NOBODY, "message.timeout.ms": "50"}
    producer = TrafficProducer(TRAFFIC, "r", {"high": "h", "low": "l"}, config, EventWriter(ledger))
    producer.produce_backlog()
    failed = [event for event in lines(ledger) if event["name"] == "producer_send_error"]
    assert producer.failed == 600
    assert sorted(event["sequence"] for event in failed) == list(range(600))
    assert {event["error"] for event in failed} == {"Local: Message timed out"}


def test_messages_that_are_never_answered_end_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fairpoll.producer.traffic.FLUSH_SECONDS", 0.1)
    producer = TrafficProducer(TRAFFIC, "r", {"high": "h", "low": "l"}, NOBODY, EventWriter(io.StringIO()))
    with pytest.raises(TrafficError, match=r"600 messages were not acked, and no other, within 0.1 s"):
        producer.produce_backlog()


def test_a_large_burst_does_not_hold_up_what_is_due_meanwhile():
    hot = replace(HIGH, traffic=Bursts(4 * PIECE, 1.0), backlog=0, weights=(), poison=())
    passed = 0.0

    def elapsed() -> float:
        nonlocal passed
        passed += 0.06  # that is how long a piece takes
        return passed

    plan = live_plan(replace(TRAFFIC, topics=(hot, LOW)), elapsed)
    order = [(burst.topic_index, len(burst.sequences)) for burst in plan]
    assert order == [(0, PIECE), (1, 1), (0, PIECE), (1, 1), (0, PIECE), (0, PIECE)]
