"""aiokafka, `async for`; what the sink has is committed after every hundred records."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
import time

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

TUNED = {"max_partition_fetch_bytes": 4096, "fetch_max_bytes": 16384}
sink = {"interval": 1 / float(os.environ.get("FAIRPOLL_SINK_RATE", "inf")), "free_at": 0.0}


def emit(name: str, **fields: object) -> None:
    print(json.dumps({"timestamp": time.time() * 1000, "name": name, **fields}), flush=True)


async def write(topic: str, partition: int, offset: int) -> None:
    """Wait for the sink's turn, on an absolute schedule, and hand it the record."""
    await asyncio.sleep(max(0.0, sink["free_at"] - time.time()))
    sink["free_at"] = max(sink["free_at"], time.time() - 0.25) + sink["interval"]
    emit("records_consumed", records=[{"topic": topic, "partition": partition, "offset": offset}])


def follow_commands() -> None:
    for line in sys.stdin:
        if line.strip() == "drain":
            sink["interval"] = 0.0
    os.kill(os.getpid(), signal.SIGTERM)


class TellPartitions(ConsumerRebalanceListener):
    async def on_partitions_assigned(self, assigned):
        emit("partitions_assigned", partitions=[{"topic": t, "partition": p} for t, p in assigned])

    async def on_partitions_revoked(self, revoked):
        emit("partitions_revoked", partitions=[{"topic": t, "partition": p} for t, p in revoked])


async def consume() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    threading.Thread(target=follow_commands, daemon=True).start()
    settings = {
        "bootstrap_servers": os.environ["FAIRPOLL_BOOTSTRAP_SERVERS"],
        "auto_offset_reset": "earliest",
    }
    settings |= {"group_id": os.environ["FAIRPOLL_GROUP"], "enable_auto_commit": False}
    consumer = AIOKafkaConsumer(**settings, **(TUNED if os.environ.get("TUNED") else {}))
    topics = [pair.partition("=")[0] for pair in os.environ["FAIRPOLL_TOPICS"].split()]
    consumer.subscribe(topics, listener=TellPartitions())
    done = {}
    async with consumer:
        with contextlib.suppress(asyncio.CancelledError):
            async for message in consumer:
                await write(message.topic, message.partition, message.offset)
                done[TopicPartition(message.topic, message.partition)] = message.offset + 1
                if message.offset % 100 == 0:
                    await consumer.commit(done)
        await consumer.commit(done or None)


asyncio.run(consume())
