"""Traffic in Avro: unchanged deserializers read it, and its content is judged."""

import sys
from pathlib import Path

import pytest

from fairpoll.checkers import DELIVERY_GUARANTEES, judge
from fairpoll.cluster import Cluster
from fairpoll.contract.subject import Subject
from fairpoll.run.recorder import Recorder

SCENARIO = """
title: Traffic in Avro
duration: 6 s
sink: 200 per second
topics:
  busy: {volume: high, partitions: 2, backlog: 300, traffic: 5 every 100 ms, format: avro, output: b.json}
  quiet: {volume: low, partitions: 1, traffic: 1 every 200 ms, format: avro, priority: high, output: q.json}
  plain: {volume: low, partitions: 1, traffic: 1 every 200 ms, output: plain.json}
"""
# A service with the deserializer of its client, which asks the registry for the schemas.
SERVICE = """
import http.client, json, os, signal, sys
from urllib.parse import urlsplit
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

env = os.environ
read = AvroDeserializer(SchemaRegistryClient({"url": env["FAIRPOLL_SCHEMA_REGISTRY_URL"]}))
url = urlsplit(env["FAIRPOLL_SINK_URL"])
sink = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
servers = env["FAIRPOLL_BOOTSTRAP_SERVERS"]
consumer = Consumer({"bootstrap.servers": servers, "group.id": env["FAIRPOLL_GROUP"],
                     "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe([pair.split("=")[0] for pair in env["FAIRPOLL_TOPICS"].split()])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    message = consumer.poll(0.2)
    if message is None or message.error():
        continue
    if message.topic().startswith("plain"):
        body = json.loads(message.value())
    else:
        body = read(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
    if sys.argv[1:] == ["alters"]:
        body["data"]["value"] += 1
    sink.request("POST", url.path, json.dumps(body))
    sink.getresponse().read()
    consumer.commit(message, asynchronous=False)
"""

pytestmark = [pytest.mark.local, pytest.mark.slow]


def service(folder: Path, name: str, *words: str) -> Subject:
    program = folder / "service.py"
    program.write_text(SERVICE, "utf-8")
    command = " ".join([sys.executable, str(program), *words])
    return Subject.parse(
        "yours", {"command": command, "name": name, "evidence": "http", "fields": "value=value"}
    )


def test_built_in_and_unchanged_consumers_keep_every_guarantee(cluster: Cluster, tmp_path: Path):
    file = tmp_path / "avro.yaml"
    file.write_text(SCENARIO, "utf-8")
    consumers = [Subject.built_in("sync"), Subject.built_in("async")]
    consumers += [service(tmp_path, "service"), service(tmp_path, "altering", "alters")]
    with Recorder(cluster, tmp_path) as recorder:
        recording = recorder.record("avro", file, 1.0, consumers)
    assert len(recording.acked) > 500
    for name in DELIVERY_GUARANTEES:
        for consumer in ("sync", "async"):
            assert judge(name, recording, consumer).status == "pass", (name, consumer)
    for name in ("nothing_lost", "content_intact", "only_acked_delivered", "order_kept"):
        assert judge(name, recording, "service").status == "pass", name
    altered = judge("content_intact", recording, "altering")
    assert altered.status == "fail"
    assert altered.figures["count"] == len(recording.consumers["altering"].delivered)
