"""A service that prints and writes nothing for Fairpoll: it delivers to a topic, a database or over HTTP.

    python deployed.py {topic,http,sql} [FAULT]

FAULT: `drops` every 20th record; `transactional`, which is none: consumes and produces in transactions.
SQL goes to the SQLite file in DEPLOYED_DATABASE, or to the PostgreSQL of DEPLOYED_DSN.
"""

import contextlib
import http.client
import os
import signal
import sqlite3
import sys
import threading
import time
from urllib.parse import urlsplit

from confluent_kafka import Consumer, KafkaException, Message, Producer

BATCH = 20
# Long enough that SIGKILL always leaves something delivered and not committed.
COMMIT_SECONDS = 1.0


def to_topic(transactional: bool):
    topic, group = os.environ["FAIRPOLL_OUTPUT_TOPIC"], os.environ["FAIRPOLL_GROUP"]
    settings = {"bootstrap.servers": os.environ["FAIRPOLL_BOOTSTRAP_SERVERS"], "linger.ms": 0}
    if transactional:
        settings["transactional.id"] = f"{group}-{os.environ['FAIRPOLL_MEMBER']}"
        settings["transaction.timeout.ms"] = 5000
    producer = Producer(settings)
    if transactional:
        producer.init_transactions(30)

    def deliver(messages: list[Message], consumer: Consumer) -> None:
        if transactional:
            producer.begin_transaction()
        for message in messages:
            producer.produce(topic, message.value(), message.key(), headers=message.headers())
        if not transactional:
            producer.flush(30)
            return
        positions = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(
            [p for p in positions if p.offset >= 0], consumer.consumer_group_metadata(), 30
        )
        producer.commit_transaction(30)

    return deliver


def to_http():
    url = urlsplit(os.environ["FAIRPOLL_SINK_URL"])
    sink = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)

    def deliver(messages: list[Message], consumer: Consumer) -> None:
        for message in messages:
            sink.request("POST", url.path, message.value(), {"Content-Type": "application/json"})
            answer = sink.getresponse()
            answer.read()
            assert answer.status == 204, answer.status

    return deliver


def to_sql():
    if dsn := os.environ.get("DEPLOYED_DSN"):
        import psycopg  # noqa: PLC0415 - only where there is a PostgreSQL

        database = psycopg.connect(dsn, autocommit=False)
        mark = "%s"
    else:
        database = sqlite3.connect(os.environ["DEPLOYED_DATABASE"], timeout=30)
        mark = "?"

    def deliver(messages: list[Message], consumer: Consumer) -> None:
        values = [(m.topic(), m.partition(), m.offset()) for m in messages]
        cursor = database.cursor()
        cursor.executemany(
            f"INSERT INTO orders (source, part, place) VALUES ({mark}, {mark}, {mark})", values
        )
        database.commit()

    return deliver


def main(sink: str, fault: str = "") -> None:
    deliver = {"topic": lambda: to_topic(fault == "transactional"), "http": to_http, "sql": to_sql}[sink]()
    environment = os.environ
    consumer = Consumer(
        {
            "bootstrap.servers": environment["FAIRPOLL_BOOTSTRAP_SERVERS"],
            "group.id": environment["FAIRPOLL_GROUP"],
            "session.timeout.ms": environment["FAIRPOLL_SESSION_TIMEOUT_MS"],
            "heartbeat.interval.ms": environment["FAIRPOLL_HEARTBEAT_INTERVAL_MS"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([pair.partition("=")[0] for pair in environment["FAIRPOLL_TOPICS"].split()])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    seen, commit_at = 0, time.monotonic() + COMMIT_SECONDS
    while not stop.is_set():
        messages = [m for m in consumer.consume(BATCH, 0.2) if not m.error()]
        kept = [m for n, m in enumerate(messages, seen) if fault != "drops" or n % 20 != 19]
        seen += len(messages)
        if kept:
            deliver(kept, consumer)
        if fault != "transactional" and (time.monotonic() > commit_at or stop.is_set()):
            commit_at = time.monotonic() + COMMIT_SECONDS
            with contextlib.suppress(KafkaException):  # nothing to commit
                consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
