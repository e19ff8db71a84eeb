"""The plan of a distributed run, and its producers. `consumer_part` has the consumers.

`crew` synchronizes the parts. A part writes its evidence to a folder of its own and hands it in at its end.
"""

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from fairpoll.base.errors import FairpollError, ScenarioError
from fairpoll.base.text import quoted
from fairpoll.cluster.connection import create_missing_topics
from fairpoll.contract.events import EventWriter
from fairpoll.evidence import layout
from fairpoll.producer.shards import Shard
from fairpoll.producer.traffic import TrafficProducer, deliverable_in
from fairpoll.run.distributed.crew import Crew, handed_in
from fairpoll.run.distributed.run_topic import RunTopic
from fairpoll.run.host import HostMonitor
from fairpoll.run.names import group_names, new_run_id
from fairpoll.scenarios.model import Scenario

# Folders and files of a recording, whose names no consumer may have.
TAKEN_NAMES = (
    *("ledger", "samples", "observed", "charts", ""),
    *(layout.RUN, layout.VERDICT, layout.LEDGER, layout.SAMPLES, layout.OBSERVED),
)


def facts_of_plan(
    run_id: str,
    scenario: Scenario,
    speed: float,
    servers: str,
    *,
    topics: Mapping[str, str],
    consumers: Sequence[str] = (),
    shards: int = 1,
) -> dict[str, Any]:
    """The facts of run.json that are known before the run. Raises ScenarioError for unusable names."""
    if scenario.has_fixed_topics or scenario.group:
        raise ScenarioError("fixed names of topics and groups are for runs on one machine, not for this one")
    for name in consumers:
        if name in TAKEN_NAMES or Path(name).name != name or name in (".", ".."):
            raise ScenarioError(f"{quoted(name)} cannot be the name of a consumer")
    return {
        "run_id": run_id,
        "scenario": scenario.to_json(),
        "speed": speed,
        "waits_since": "ack",
        "cluster": {"kind": "external", "description": f"cluster at {servers}"},
        "topics": dict(topics),
        "consumers": list(consumers),
        "groups": group_names(consumers, run_id),
        "shards": shards,
    }


def plan(topic: RunTopic, config: Mapping[str, str], facts: Mapping[str, Any]) -> None:
    """Create a run's topics and publish its plan. Raises ClusterError."""
    scenario = Scenario.from_json(facts["scenario"])
    create_missing_topics({facts["topics"][t.name]: t.partitions for t in scenario.topics}, config)
    topic.publish("plan", facts=facts)


class _Both:
    """A stream that writes to several streams."""

    def __init__(self, *streams: IO[str]) -> None:
        self._streams = streams

    def write(self, text: str) -> None:
        for stream in self._streams:
            stream.write(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()


@dataclass(frozen=True)
class Wanted:
    """The traffic that a producer was asked for; in a planned run, the plan takes precedence."""

    scenario: Scenario
    speed: float
    topics: Mapping[str, str]
    create_topics: bool
    shard: Shard | None = None
    run_id: str | None = None
    # The name in the network of the machines that share the traffic; "" for all that are started together.
    shared_by: str = ""


def produce_together(
    wanted: Wanted, config: Mapping[str, str], evidence_topic: str, stop: threading.Event
) -> None:
    """Run as one of several producers; see `fairpoll produce --help`. Raises FairpollError.

    An indexed Job of Kubernetes numbers its pods in JOB_COMPLETION_INDEX, from 0.
    """
    index = os.environ.get("JOB_COMPLETION_INDEX", "")
    index = index if index.isdecimal() else ""
    shard = wanted.shard
    if (shard or index) and not wanted.run_id:
        raise ScenarioError("a shard is part of a planned run: give the plan's --run-id")
    with RunTopic(config, evidence_topic) as topic:
        crew = Crew(topic, stop.is_set)
        if wanted.run_id and (shard or index):
            number = shard.number if shard else int(index) + 1
            run = crew.find(wanted.run_id, layout.producer_name(number))
            if number > run.shards or (shard and shard.count != run.shards):
                raise ScenarioError(f"run {run.run_id} has {run.shards} shards, this is {shard or number}")
            shard = Shard(number, run.shards)
        else:
            run_id, servers = wanted.run_id or new_run_id(), config["bootstrap.servers"]
            facts = facts_of_plan(run_id, wanted.scenario, wanted.speed, servers, topics=wanted.topics)
            alone = not wanted.run_id and wanted.shared_by and not _is_called(wanted.shared_by)
            if alone:
                topic.publish("plan", facts=facts)
            _, shard = crew.join(run_id if alone or wanted.run_id else "", facts)
        produce_share(crew, shard, config, stop, create_topics=wanted.create_topics)


def _is_called(host: str) -> bool:
    """Whether this machine has an address of the host name in its network."""
    try:
        addresses = {address[0] for *_, address in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return any(own.address in addresses for owns in psutil.net_if_addrs().values() for own in owns)


def produce_share(
    crew: Crew, shard: Shard, config: Mapping[str, str], stop: threading.Event, *, create_topics: bool
) -> None:
    """Run as one producer of a run, from the backlog to handing in the ledger. Raises FairpollError."""
    run = crew.run
    scenario = run.scenario.at_speed(run.speed)
    if create_topics:
        create_missing_topics({run.topics[t.name]: t.partitions for t in scenario.topics}, config)
    with tempfile.TemporaryDirectory(prefix="fairpoll-producer-") as folder:
        ledger = Path(folder) / layout.LEDGER
        facts: dict[str, object] = {}
        with (
            ledger.open("a", encoding="utf-8") as file,
            handed_in(crew, lambda: [(ledger, layout.ledger_of(shard.number))], facts),
        ):
            emit = EventWriter(_Both(sys.stdout, file))  # type: ignore[arg-type]
            crew.measure_clock()
            producer = TrafficProducer(
                scenario, run.run_id, run.topics, config, emit, shard.partitions(scenario)
            )
            emit("startup_complete", run_id=run.run_id, shard=str(shard))
            producer.produce_backlog()
            start = crew.agreed_start()
            host = HostMonitor()
            with host:
                producer.produce_live(start, stop)
            facts["host"] = host.figures()
            emit("shutdown_complete", failed=producer.failed)
            crew.publish("produced", acked=deliverable_in(ledger))
            if stop.is_set():
                raise FairpollError("stopped before the traffic's end")
