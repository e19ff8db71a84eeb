"""The parts of consumers, alone: buffers, the sink."""

import io
import json
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, TopicPartition

from fairpoll.consumers import ConsumerConfig, FairConsumer
from fairpoll.consumers.buffers import PartitionBuffers
from fairpoll.consumers.sink import FileSink, PoisonError
from fairpoll.contract.events import EventWriter

# A wait that should end on its own account: a test that waits for it in vain never ends.
FOREVER = threading.TIMEOUT_MAX


@dataclass(frozen=True)
class Fake:
    """A record as buffers and sinks see it."""

    t: str
    o: int
    p: int = 0
    v: bytes = b'{"id":"x"}'

    def topic(self) -> str:
        return self.t

    def partition(self) -> int:
        return self.p

    def offset(self) -> int:
        return self.o

    def value(self) -> bytes:
        return self.v


def taken(buffers: PartitionBuffers) -> str:
    """What `take` gives until nothing is left, as `a0 b0 a1`."""
    records = []
    while some := buffers.take():
        records += [f"{record.topic()}{record.offset()}" for record in some]
    return " ".join(records)


def test_each_partition_in_its_turn_and_in_its_own_order():
    buffers = PartitionBuffers(500)
    buffers.add([Fake("a", 0), Fake("a", 1), Fake("a", 2), Fake("b", 0), Fake("c", 0)])
    assert taken(buffers) == "a0 b0 c0 a1 a2"


def test_a_newcomer_waits_for_one_record_of_each_other():
    buffers = PartitionBuffers(500)
    buffers.add([Fake("a", n) for n in range(100)] + [Fake("b", n) for n in range(100)])
    buffers.take()
    buffers.add([Fake("low", 0)])
    assert taken(buffers).split()[:3] == ["b0", "a1", "low0"]


def test_full_at_the_threshold_room_at_half_and_nothing_dropped_above():
    buffers = PartitionBuffers(4)
    hot, quiet = ("a", 0), ("b", 0)
    buffers.add([Fake("a", n) for n in range(3)])
    assert buffers.full([hot, quiet]) == []
    buffers.add([Fake("a", n) for n in range(3, 9)])
    assert buffers.full([hot, quiet]) == [hot]
    assert buffers.with_room([hot, quiet]) == [quiet]
    for _ in range(6):
        buffers.take()
    assert buffers.with_room([hot]) == []
    buffers.take()
    assert buffers.with_room([hot]) == [hot]
    assert taken(buffers) == "a7 a8"


def test_discarded_partitions_leave_the_others_alone():
    buffers = PartitionBuffers(500)
    buffers.add([Fake("a", 0), Fake("b", 0), Fake("a", 1)])
    buffers.discard([("a", 0), ("never seen", 0)])
    assert taken(buffers) == "b0"
    buffers.add([Fake("a", 0)])
    assert taken(buffers) == "a0"


def test_waiting_ends_when_a_record_comes():
    buffers = PartitionBuffers(500)
    threading.Timer(0.05, buffers.add, ([Fake("a", 0)],)).start()
    buffers.wait(10)
    assert buffers.take()


def test_room_is_waited_for_only_where_the_next_poll_may_fill_a_buffer():
    buffers = PartitionBuffers(10)
    hot, paused = ("a", 0), ("b", 0)
    buffers.add([Fake("a", n) for n in range(8)] + [Fake("b", n) for n in range(20)])
    buffers.wait_for_room([hot], 2, timeout_seconds=FOREVER)
    started = time.monotonic()
    buffers.wait_for_room([hot], 3, timeout_seconds=0.05)
    assert time.monotonic() - started > 0.04
    buffers.discard([paused])
    threading.Timer(0.05, buffers.take, (3,)).start()
    buffers.wait_for_room([hot], 3, timeout_seconds=FOREVER)
    assert buffers.level(hot) == 5


def test_a_buffer_that_was_discarded_is_not_crowded():
    buffers = PartitionBuffers(4)
    buffers.add([Fake("a", n) for n in range(9)])
    buffers.discard([("a", 0)])
    assert (buffers.full([("a", 0)]), buffers.with_room([("a", 0)])) == ([], [("a", 0)])


def test_the_sink_writes_one_object_a_line_to_the_topics_file(tmp_path: Path):
    with FileSink(tmp_path / "new", {"a": "a.json", "b": "b.json"}, None) as sink:
        sink.write([Fake("a", 3, 1, b'{"id":"m","text":"\xc3\xa4"}')])
    line = json.loads((tmp_path / "new" / "a.json").read_text("utf-8"))
    assert (line["topic"], line["partition"], line["offset"]) == ("a", 1, 3)
    assert line["value"] == {"id": "m", "text": "ä"}


def test_the_sink_refuses_what_is_not_json_and_puts_it_aside_whole(tmp_path: Path):
    poison = Fake("a", 7, 0, b"not json \xff")
    with FileSink(tmp_path, {"a": "a.json"}, None) as sink:
        with pytest.raises(PoisonError, match="codec can't decode"):
            sink.write([poison])
        sink.write_dead_letter(poison, "why")
    assert (tmp_path / "a.json").read_bytes() == b""
    letter = json.loads((tmp_path / "dead_letters.json").read_text("utf-8"))
    assert (letter["offset"], letter["reason"], letter["value"]) == (7, "why", "not json \\xff")


def test_a_topic_may_be_more_work_for_the_sink_than_others(tmp_path: Path):
    with FileSink(tmp_path, {"a": "a.json", "b": "b.json"}, 1000, {"a": 0.001}) as sink:
        stop = threading.Event()
        sink.write([Fake("b", 0)])
        assert sink.pace.wait_turn(stop)
        sink.write([Fake("a", 0)])
        threading.Timer(0.05, stop.set).start()
        assert not sink.pace.wait_turn(stop)
        sink.pace.set_rate(None)
        stop.clear()
        assert sink.pace.wait_turn(stop)


def test_the_sinks_time_is_shared_not_the_number_of_records():
    buffers = PartitionBuffers(500)
    buffers.add([Fake("slow", n) for n in range(3)] + [Fake("fast", n) for n in range(30)])
    order = []
    for _ in range(24):
        (record,) = buffers.take()
        order.append(record.topic())
        buffers.charge((record.topic(), 0), 0.1 if record.topic() == "slow" else 0.01)
    assert order.count("slow") in (2, 3)


def test_an_idle_partition_saves_up_nothing():
    buffers = PartitionBuffers(500)
    buffers.add([Fake("busy", n) for n in range(100)])
    for _ in range(50):
        buffers.take()
        buffers.charge(("busy", 0), 0.1)
    buffers.add([Fake("late", n) for n in range(100)])
    order = []
    for _ in range(10):
        (record,) = buffers.take()
        order.append(record.topic())
        buffers.charge((record.topic(), 0), 0.1)
    assert order.count("late") in (5, 6)


def test_one_record_that_took_very_long_does_not_shut_its_partition_out():
    buffers = PartitionBuffers(500)
    buffers.add([Fake("stuck", n) for n in range(3)] + [Fake("other", n) for n in range(3000)])
    while buffers.take()[0].topic() != "stuck":
        pass
    buffers.charge(("stuck", 0), 3600)
    waited = 0.0
    while (record := buffers.take()[0]).topic() != "stuck":
        buffers.charge((record.topic(), 0), 0.01)
        waited += 0.01
    assert waited < 0.3


def test_a_sink_without_limit_is_always_free(tmp_path: Path):
    with FileSink(tmp_path, {"a": "a.json"}, None) as sink:
        sink.write([Fake("a", 0)])
        assert sink.pace.wait_turn(threading.Event())


def test_waiting_for_the_sink_ends_at_stop_and_at_a_new_rate(tmp_path: Path):
    with FileSink(tmp_path, {"a": "a.json"}, rate=0.001) as sink:
        stop = threading.Event()
        for _ in range(2):
            sink.write([Fake("a", 0)])
        threading.Timer(0.05, sink.pace.set_rate, (None,)).start()
        assert sink.pace.wait_turn(stop)
        sink.pace.set_rate(0.001)
        stop.set()
        assert not sink.pace.wait_turn(stop)


def test_an_idle_sink_saves_up_no_turns(tmp_path: Path):
    with FileSink(tmp_path, {"a": "a.json"}, rate=1.0) as sink:
        time.sleep(0.01)
        sink.write([Fake("a", 0)])
        started = time.monotonic()
        threading.Timer(0.05, sink.pace.set_rate, (None,)).start()
        sink.pace.wait_turn(threading.Event())
        assert time.monotonic() - started >= 0.04


def test_turns_go_to_the_least_served_as_by_looking_at_all_of_them():
    """The order that is kept agrees with the plain rule, whatever is added, taken, charged and given back."""
    chance = random.Random(7)
    buffers = PartitionBuffers(pause_threshold=10)
    for number in range(5_000):
        partition = ("t", chance.randrange(40))
        match chance.randrange(5):
            case 0 | 1:
                buffers.add([Fake("t", number, partition[1])])
            case 2:
                buffers.charge(partition, chance.choice((0.001, 0.3, 2.0)))
            case 3 if number % 50 == 0:
                buffers.discard([partition])
            case _ if buffers._turns:
                rank = {one: (buffers._served[one], turn) for one, turn in buffers._turns.items()}
                assert buffers.choose() == min(rank, key=rank.__getitem__)
                buffers.take()
    assert len(buffers._order) < 400


def test_commits_that_fail_one_after_the_other_leave_the_highest_offset_to_commit(tmp_path: Path):
    """Seen in a cooperative rebalance: the lowest offset stayed the one that the group had committed."""
    config = ConsumerConfig(
        "g", {"t": "t.json"}, None, output_folder=tmp_path, client_config={"bootstrap.servers": "localhost:1"}
    )
    consumer = FairConsumer(config, EventWriter(io.StringIO()))
    consumer.assigned.add(("t", 0))
    for offset in (5, 9, 7):
        consumer._on_commit(KafkaError(KafkaError.ILLEGAL_GENERATION), [TopicPartition("t", 0, offset)])
    consumer._on_commit(KafkaError(KafkaError.ILLEGAL_GENERATION), [TopicPartition("t", 1, 5)])
    assert consumer.uncommitted == {("t", 0): 9}


def test_a_commit_that_fails_after_a_later_one_was_sent_does_not_take_the_group_back(tmp_path: Path):
    """Seen in a cooperative rebalance: 235 failed, 252 succeeded, 235 was committed on revoke."""
    config = ConsumerConfig(
        "g", {"t": "t.json"}, None, output_folder=tmp_path, client_config={"bootstrap.servers": "localhost:1"}
    )
    consumer = FairConsumer(config, EventWriter(io.StringIO()))
    consumer.assigned.add(("t", 0))
    consumer.count_done([Fake("t", 251)])
    consumer.uncommitted.clear()  # the commit of 252 is on its way
    consumer._on_commit(KafkaError(KafkaError.ILLEGAL_GENERATION), [TopicPartition("t", 0, 235)])
    assert consumer.uncommitted == {("t", 0): 252}
