"""The parts of consumers, alone: buffers, the sink."""

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from fairpoll.consumers.buffers import PartitionBuffers
from fairpoll.consumers.sink import FileSink


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
    while (record := buffers.take()) is not None:
        records.append(f"{record.topic()}{record.offset()}")
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
    assert buffers.take() is not None


def test_the_sink_writes_one_object_a_line_to_the_topics_file(tmp_path: Path):
    with FileSink(tmp_path / "new", {"a": "a.json", "b": "b.json"}, None) as sink:
        sink.write(Fake("a", 3, 1, b'{"id":"m","text":"\xc3\xa4"}'))
        sink.write(Fake("b", 0, 0, b"not json"))
    line = json.loads((tmp_path / "new" / "a.json").read_text("utf-8"))
    assert (line["topic"], line["partition"], line["offset"]) == ("a", 1, 3)
    assert line["value"] == {"id": "m", "text": "ä"}
    assert json.loads((tmp_path / "new" / "b.json").read_text("utf-8"))["value"] == "not json"


def test_a_sink_without_limit_is_always_free(tmp_path: Path):
    with FileSink(tmp_path, {"a": "a.json"}, None) as sink:
        sink.write(Fake("a", 0))
        assert sink.wait_turn(threading.Event())


def test_waiting_for_the_sink_ends_at_stop_and_at_a_new_rate(tmp_path: Path):
    with FileSink(tmp_path, {"a": "a.json"}, rate=0.001) as sink:
        stop = threading.Event()
        for _ in range(2):
            sink.write(Fake("a", 0))
        threading.Timer(0.05, sink.set_rate, (None,)).start()
        assert sink.wait_turn(stop)
        sink.set_rate(0.001)
        stop.set()
        assert not sink.wait_turn(stop)


def test_an_idle_sink_saves_up_no_turns(tmp_path: Path):
    with FileSink(tmp_path, {"a": "a.json"}, rate=1.0) as sink:
        time.sleep(0.01)
        sink.write(Fake("a", 0))
        started = time.monotonic()
        threading.Timer(0.05, sink.set_rate, (None,)).start()
        sink.wait_turn(threading.Event())
        assert time.monotonic() - started >= 0.04
