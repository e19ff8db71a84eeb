"""Messages in Avro: the wire format of schema registries, and a registry that deserializers can ask."""

import json
from dataclasses import replace
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from fairpoll.consumers.sink import _one_line
from fairpoll.contract import avro
from fairpoll.contract.records import checksum_of
from fairpoll.producer.messages import build_message
from fairpoll.run.schema_registry import SchemaRegistry
from recordings import SCENARIO

TOPIC = replace(SCENARIO.topics[1], message_format="avro", poison=())


@pytest.mark.parametrize("priority", ["", "urgent"])
def test_a_message_in_avro_is_the_one_in_json(priority: str):
    in_json = replace(TOPIC, message_format="json", priority=priority)
    _, text, checksum, _ = build_message(in_json, "r1", 7, 3, 1795436968060.125)
    _, value, same, crc = build_message(replace(TOPIC, priority=priority), "r1", 7, 3, 1795436968060.125)
    assert value[:5] == b"\0\0\0\0" + (b"\2" if priority else b"\1")
    assert avro.decode(value) == json.loads(text)
    assert checksum == same == checksum_of(avro.decode(value))
    assert crc != checksum
    # A built-in consumer writes it to its sink as JSON.
    assert json.loads(_one_line(value)) == json.loads(text)


@pytest.mark.parametrize("value", [b"\0", b"\0\0\0\0\7abc", b"\0\0\0\0\1", b"\0\0\0\0\1\xff\xff\xff"])
def test_what_is_no_message_in_avro_is_an_error(value: bytes):
    with pytest.raises(ValueError, match="not a message in Avro"):
        avro.decode(value)


def asked(url: str) -> object:
    with urlopen(url, timeout=5) as answer:
        return json.load(answer)


def test_the_registry_answers_what_deserializers_ask():
    plain, urgent = replace(TOPIC, name="plain", priority=""), replace(TOPIC, name="urgent", priority="high")
    scenario = replace(SCENARIO, topics=(plain, urgent))
    registry = SchemaRegistry.of(scenario, {"plain": "plain.r1", "urgent": "urgent.r1"})
    assert registry is not None
    with registry:
        assert asked(f"{registry.url}/subjects") == ["plain.r1-value", "urgent.r1-value"]
        latest = asked(f"{registry.url}/subjects/urgent.r1-value/versions/latest")
        assert isinstance(latest, dict)
        assert (latest["id"], latest["version"]) == (avro.WITH_PRIORITY, 1)
        by_id = asked(f"{registry.url}/schemas/ids/{latest['id']}?subject=urgent.r1-value")
        assert by_id == {"schema": latest["schema"]}
        assert json.loads(latest["schema"]) == avro.schema(avro.WITH_PRIORITY)
        for path, code in (("subjects/x/versions/latest", 40401), ("schemas/ids/9", 40403), ("mode", 404)):
            with pytest.raises(HTTPError) as refused:
                asked(f"{registry.url}/{path}")
            assert json.load(refused.value)["error_code"] == code


def test_a_scenario_without_avro_needs_no_registry():
    assert SchemaRegistry.of(SCENARIO, {topic.name: topic.name for topic in SCENARIO.topics}) is None
