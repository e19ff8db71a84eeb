"""A Quix Streams service as its documentation writes one: two topics in, one out."""

import os
import time

from quixstreams import Application

app = Application(
    broker_address=os.environ["KAFKA_BROKERS"], consumer_group="shop", auto_offset_reset="earliest"
)
handled = app.topic("handled", value_serializer="json")


def work(_message: dict) -> None:
    time.sleep(0.01)


for name in ("orders", "alerts"):
    topic = app.topic(name, value_deserializer="json")
    app.dataframe(topic).update(work).to_topic(handled)

if __name__ == "__main__":
    app.run()
