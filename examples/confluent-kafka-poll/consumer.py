"""confluent-kafka, one record a poll; offsets are stored once the sink has the record."""

import json
import os
import signal
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException

TUNED = {
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1,
    "fetch.message.max.bytes": 4096,
    "fetch.queue.backoff.ms": 10,
}
sink = {"interval": 1 / float(os.environ.get("FAIRPOLL_SINK_RATE", "inf")), "free_at": 0.0}
stopping = threading.Event()


def emit(name: str, **fields: object) -> None:
    print(json.dumps({"timestamp": time.time() * 1000, "name": name, **fields}), flush=True)


def write(topic: str, partition: int, offset: int) -> None:
    """Wait for the sink's turn, on an absolute schedule, and hand it the record."""
    time.sleep(max(0.0, sink["free_at"] - time.time()))
    sink["free_at"] = max(sink["free_at"], time.time() - 0.25) + sink["interval"]
    emit("records_consumed", records=[{"topic": topic, "partition": partition, "offset": offset}])


def follow_commands() -> None:
    for line in sys.stdin:
        if line.strip() == "drain":
            sink["interval"] = 0.0
    stopping.set()


def emit_partitions(name: str, partitions: list) -> None:
    emit(name, partitions=[{"topic": p.topic, "partition": p.partition} for p in partitions])


signal.signal(signal.SIGTERM, lambda *_: stopping.set())
threading.Thread(target=follow_commands, daemon=True).start()
settings = {"group.id": os.environ["FAIRPOLL_GROUP"], "auto.offset.reset": "earliest"}
settings |= {"bootstrap.servers": os.environ["FAIRPOLL_BOOTSTRAP_SERVERS"], "enable.auto.offset.store": False}
consumer = Consumer(settings | (TUNED if os.environ.get("TUNED") else {}))
consumer.subscribe(
    [pair.partition("=")[0] for pair in os.environ["FAIRPOLL_TOPICS"].split()],
    on_assign=lambda _consumer, partitions: emit_partitions("partitions_assigned", partitions),
    on_revoke=lambda _consumer, partitions: emit_partitions("partitions_revoked", partitions),
)
while not stopping.is_set():
    if message := consumer.poll(1.0):
        if message.error():
            raise KafkaException(message.error())
        write(message.topic(), message.partition(), message.offset())
        consumer.store_offsets(message)
consumer.close()
