"""Runs on topics and in a group that were there before, beside other producers, on a real broker."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from brokers import opened
from fairpoll.base.errors import ClusterError
from fairpoll.base.waiting import wait_until
from fairpoll.checkers import judge
from fairpoll.cluster import Cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.records import MESSAGE_ID_HEADER
from fairpoll.contract.subject import Subject
from fixed_names import ALERTS, GROUP, ORDERS, guarantees, recorded

pytestmark = pytest.mark.local
CONSUMERS = Path(__file__).parents[1] / "must_fail" / "consumers.py"
BEFORE = 40


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    registry = Registry()
    cluster, _ = opened("local", tmp_path_factory.mktemp("broker"), registry)
    yield cluster.client_config["bootstrap.servers"]
    cluster.stop()
    registry.close()


@pytest.fixture
def cluster(servers: str, tmp_path: Path, registry: Registry) -> Iterator[Cluster]:
    """The broker as a cluster that is not ours, with the two topics and what others have written to them."""
    cluster, _ = opened("external", tmp_path, registry, bootstrap_servers=servers, prefix="team-a.")
    cluster.create_topics({ORDERS: 3, ALERTS: 1})
    with others_write(servers, count=BEFORE):
        pass
    yield cluster
    cluster.delete([ORDERS, ALERTS], [GROUP])
    cluster.stop()


@contextmanager
def others_write(servers: str, count: int = 0) -> Iterator[list[tuple[str, int, int]]]:
    """Others write `count` messages to each topic, or until the end of the block. Yields their records."""
    producer, stop = Producer({"bootstrap.servers": servers}), threading.Event()
    written: list[tuple[str, int, int]] = []

    def note(error: object, message: object) -> None:
        assert error is None
        written.append((message.topic(), message.partition(), message.offset()))

    def write() -> None:
        number = 0
        while not stop.wait(0.0 if count else 0.01) and not (count and number == count):
            body = json.dumps({"id": f"other-run:orders:{number}", "of": "others"})
            ids = [(MESSAGE_ID_HEADER, f"other-run:orders:{number}".encode())] if number % 2 else None
            producer.produce(ORDERS, body, partition=number % 3, headers=ids, on_delivery=note)
            producer.produce(ALERTS, body, on_delivery=note)
            producer.poll(0)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        if count:
            thread.join()
        yield written
    finally:
        stop.set()
        thread.join()
        assert producer.flush(20) == 0


def broken(name: str) -> Subject:
    return Subject("mine", (sys.executable, str(CONSUMERS), name))


def ends(servers: str) -> dict[tuple[str, int], int]:
    client = Consumer({"bootstrap.servers": servers, "group.id": "ends"})
    partitions = [(ORDERS, 0), (ORDERS, 1), (ORDERS, 2), (ALERTS, 0)]
    found = {one: client.get_watermark_offsets(TopicPartition(*one), 10)[1] for one in partitions}
    client.close()
    return found


def names(servers: str) -> tuple[set[str], set[str]]:
    """The topics and groups of the cluster, without the brokers' own."""
    admin = AdminClient({"bootstrap.servers": servers})
    topics = {name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")}
    groups = {group.group_id for group in admin.list_consumer_groups().result(10).valid}
    return topics, groups


@pytest.mark.slow
def test_a_correct_consumer_passes_beside_other_producers_and_theirs_are_counted(
    cluster: Cluster, servers: str, tmp_path: Path
):
    with others_write(servers) as written:
        recording = recorded(cluster, tmp_path, Subject.built_in("sync"), Subject.built_in("async"))
    facts, shared = recording.facts, recording.shared
    run = facts.run_id
    assert facts.topics == {"orders": ORDERS, "alerts": ALERTS, "own": f"team-a.own.{run}"}
    assert facts.groups == {"sync": f"team-a.{run}.sync", "async": GROUP}
    # What others wrote from the run's begin to its end, by their own acks.
    spans = {(facts.topics[t], p): (at, shared.end[t, p]) for (t, p), at in shared.begin.items()}
    during = {(t, p, o) for t, p, o in written if spans[t, p][0] <= o < spans[t, p][1]}
    assert len(during) > 100
    assert shared.count == len(during)
    for consumer in ("sync", "async"):
        assert guarantees(recording, consumer) == {}
        finding = judge("only_acked_delivered", recording, consumer)
        assert finding.figures["foreign_in_topics"] == len(during)
        assert 100 < finding.figures["foreign_delivered"] <= len(during)
        assert f"{finding.figures['foreign_delivered']:,} delivered records of other producers" in (
            finding.sentence
        )
    topics, groups = names(servers)
    assert topics == {ORDERS, ALERTS}
    assert GROUP in groups
    assert not any(group.startswith("team-a.") for group in groups)
    assert sum(ends(servers).values()) >= 2 * BEFORE + len(written)


@pytest.mark.slow
def test_without_a_reset_a_group_may_begin_before_the_run_and_what_it_reads_there_is_ignored(
    cluster: Cluster, tmp_path: Path
):
    changes = {"reset_group: yes\n": ""}
    recording = recorded(cluster, tmp_path, Subject.built_in("async"), changes=changes)
    assert guarantees(recording, "async") == {}
    figures = judge("only_acked_delivered", recording, "async").figures
    assert (figures["foreign_delivered"], figures["foreign_in_topics"]) == (2 * BEFORE, 0)


@pytest.mark.slow
def test_a_consumer_that_drops_messages_fails_also_beside_others(
    cluster: Cluster, servers: str, tmp_path: Path
):
    overload = "sink: 60 per second\nconsumer: {partition_pause_threshold: 50, max_poll_records: 25}"
    drops = broken("drops on a full buffer")
    with others_write(servers):
        recording = recorded(cluster, tmp_path, drops, changes={"sink: 400 per second": overload})
    finding = judge("nothing_lost", recording, "mine")
    assert finding.status == "fail", finding.sentence
    assert judge("only_acked_delivered", recording, "mine").status == "pass"


def test_a_run_into_a_group_that_is_alive_is_refused_and_leaves_nothing(
    cluster: Cluster, servers: str, tmp_path: Path
):
    member = Consumer({"bootstrap.servers": servers, "group.id": GROUP})
    member.subscribe([ALERTS])
    try:
        wait_until(lambda: member.poll(0.1) is None and member.assignment(), 30, "an assignment")
        before = ends(servers), names(servers)
        with pytest.raises(ClusterError, match=rf"group {GROUP} is alive, with 1 member; stop it, or give"):
            recorded(cluster, tmp_path, Subject.built_in("async"))
        assert (ends(servers), names(servers)) == before
        assert member.assignment()
    finally:
        member.close()


def test_a_topic_that_must_exist_is_missing_or_has_other_partitions(cluster: Cluster, tmp_path: Path):
    with pytest.raises(ClusterError, match=r"topic prod\.others does not exist, and the scenario has"):
        recorded(cluster, tmp_path, Subject.built_in("async"), changes={ALERTS: "prod.others"})
    changes = {"partitions: 3": "partitions: 2"}
    with pytest.raises(ClusterError, match=f"topic {ORDERS} exists with 3 partitions, the scenario has 2"):
        recorded(cluster, tmp_path, Subject.built_in("async"), changes=changes)
