"""One broker of the `local` cluster: what it is, and how it is configured."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairpoll.cluster.admin import MIN_HEARTBEAT_MS
from fairpoll.cluster.ports import HOST


@dataclass
class Broker:
    """One JVM, broker and controller in one: its node id, its ports, its log, its process.

    Consumers under test are sent to `proxy_port`, which forwards to `consumer_port`.
    """

    node_id: int
    port: int
    controller_port: int
    consumer_port: int
    proxy_port: int
    data: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None


def server_properties(broker: Broker, brokers: Sequence[Broker], extra: Mapping[str, str]) -> str:
    """The server.properties of one of these brokers; `extra` goes on top of ours."""
    voters = ",".join(f"{b.node_id}@{HOST}:{b.controller_port}" for b in brokers)
    replicas = len(brokers)
    settings = {
        "process.roles": "broker,controller",
        "node.id": broker.node_id,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{HOST}:{broker.port},CONTROLLER://{HOST}:{broker.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{broker.port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        **(_fast_failover(broker) if replicas == 3 else _NO_FENCING),
        "log.dirs": broker.data / "log",
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": 2 if replicas == 3 else 1,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": 2 if replicas == 3 else 1,
        "min.insync.replicas": 2 if replicas == 3 else 1,
        # The suites know who joins; waiting for more members only costs time.
        "group.initial.rebalance.delay.ms": 0,
        # Short sessions, so that a crash is noticed while a short run still lasts.
        "group.min.session.timeout.ms": 500,
        "group.consumer.min.session.timeout.ms": 500,
        "group.consumer.min.heartbeat.interval.ms": MIN_HEARTBEAT_MS,
        **extra,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


# By default the controller would fence the only broker after a pause of the host of 9 s, and clients would
# wait up to a minute for answers from its coordinator.
_NO_FENCING = {"broker.session.timeout.ms": 120_000}


def _fast_failover(broker: Broker) -> dict[str, object]:
    """For fault injection: a listener behind the proxy, and short timeouts for a dead broker."""
    names = ("PLAINTEXT", "CONSUMER", "CONTROLLER")
    ports = (broker.port, broker.consumer_port, broker.controller_port)
    listeners = [f"{name}://{HOST}:{port}" for name, port in zip(names, ports, strict=True)]
    return {
        "listeners": ",".join(listeners),
        "advertised.listeners": f"PLAINTEXT://{HOST}:{broker.port},CONSUMER://{HOST}:{broker.proxy_port}",
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in names),
        "inter.broker.listener.name": "PLAINTEXT",
        # 9 s and 2 s by default; a short run would end before a new leader is elected.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
    }
