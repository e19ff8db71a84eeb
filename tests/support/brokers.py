"""Clusters opened for a test, a round trip through one, and the logins that a broker can ask for."""

from pathlib import Path

import trustme
from confluent_kafka import Consumer, Producer
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from fairpoll.base.waiting import wait_until
from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.compose.engine import PROJECT_LABEL, engine
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.ports import HOST

SASL = {
    "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": (
        'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="secret-1" '
        'user_u="secret-1";'
    ),
}

LOGIN = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "u",
    "sasl.password": "secret-1",
}


def mutual_tls(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Properties of a broker and of its clients, which ask each other for a certificate."""
    authority = trustme.CA()
    broker, client = authority.issue_cert(HOST, "localhost"), authority.issue_cert("judge@example.org")
    parts = {
        "authority": [authority.cert_pem.bytes()],
        "broker": [_pkcs8(broker), *(blob.bytes() for blob in broker.cert_chain_pems)],
        "client": [blob.bytes() for blob in client.cert_chain_pems],
        "client-key": [_pkcs8(client)],
    }
    files = {name: folder / f"{name}.pem" for name in parts}
    for name, part in parts.items():
        files[name].write_bytes(b"".join(part))
    of_broker = {
        "listener.security.protocol.map": "PLAINTEXT:SSL,CONTROLLER:PLAINTEXT",
        "ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(files["broker"]),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(files["authority"]),
    }
    of_client = {
        "security.protocol": "SSL",
        "ssl.ca.location": str(files["authority"]),
        "ssl.certificate.location": str(files["client"]),
        "ssl.key.location": str(files["client-key"]),
    }
    return of_broker, of_client


def _pkcs8(certificate: trustme.LeafCert) -> bytes:
    """Its private key in the one form that Kafka's brokers read."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def opened(kind: str, tmp_path: Path, registry: Registry, **options):
    warnings: list[str] = []
    cluster = open_cluster(kind, ClusterOptions(tmp_path / "logs", **options), registry, warn=warnings.append)
    return cluster, warnings


def round_trip(config: dict[str, str], topic: str, group: str) -> list[bytes]:
    """Produce three messages to partition 0 and read what is there as a new group."""
    producer = Producer(config)
    for n in range(3):
        producer.produce(topic, value=str(n).encode(), partition=0)
    assert producer.flush(20) == 0
    consumer = Consumer({**config, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    seen: list[bytes] = []

    def three() -> bool:
        seen.extend(m.value() for m in consumer.consume(10, 0.5) if not m.error())
        return len(seen) >= 3

    wait_until(three, 30, "three messages")
    consumer.close()
    return seen


def left_of(project: str) -> list[str]:
    """Containers, networks and volumes of the project."""
    label = {"label": f"{PROJECT_LABEL}={project}"}
    with engine() as client:
        found = [
            *client.containers.list(all=True, filters=label),
            *client.networks.list(filters=label),
            *client.volumes.list(filters=label),
        ]
    return [one.name for one in found]
