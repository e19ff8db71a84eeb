"""kafka-python, the consumer as an iterator; committed after every hundred records."""

import json
import os
import signal
import sys
import threading
import time

from kafka import ConsumerRebalanceListener, KafkaConsumer

TUNED = {"max_poll_records": 1, "max_partition_fetch_bytes": 4096, "fetch_max_bytes": 16384}
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


class TellPartitions(ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        emit("partitions_assigned", partitions=[{"topic": t, "partition": p} for t, p in assigned])

    def on_partitions_revoked(self, revoked):
        emit("partitions_revoked", partitions=[{"topic": t, "partition": p} for t, p in revoked])


signal.signal(signal.SIGTERM, lambda *_: stopping.set())
threading.Thread(target=follow_commands, daemon=True).start()
consumer = KafkaConsumer(
    bootstrap_servers=os.environ["FAIRPOLL_BOOTSTRAP_SERVERS"].split(","),
    group_id=os.environ["FAIRPOLL_GROUP"],
    auto_offset_reset="earliest",
    enable_auto_commit=False,
    consumer_timeout_ms=1000,  # so that an idle loop comes round to see that it is to stop
    **(TUNED if os.environ.get("TUNED") else {}),
)
topics = [pair.partition("=")[0] for pair in os.environ["FAIRPOLL_TOPICS"].split()]
consumer.subscribe(topics, listener=TellPartitions())
while not stopping.is_set():
    for count, message in enumerate(consumer, 1):
        write(message.topic, message.partition, message.offset)
        if count % 100 == 0 or stopping.is_set():
            consumer.commit()
        if stopping.is_set():
            break
    consumer.commit()
consumer.close()
