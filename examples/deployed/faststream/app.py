"""A FastStream service as its documentation writes one: two topics in, one out."""

import asyncio
import os

from faststream import FastStream
from faststream.confluent import KafkaBroker

broker = KafkaBroker(os.environ["KAFKA_BROKERS"])
app = FastStream(broker)


@broker.subscriber("orders", "alerts", group_id="shop", auto_offset_reset="earliest")
@broker.publisher("handled")
async def handle(message: dict) -> dict:
    await asyncio.sleep(0.01)  # its work
    return message
