"""`fairpoll watch` on a real broker: the age of the oldest message that a live group has not committed."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from brokers import opened
from fairpoll.base.errors import ClusterError
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.base import Cluster
from fairpoll.cluster.connection import admin_client
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.ports import HOST, free_ports
from fairpoll.watch.position import Positions
from fairpoll.watch.reader import Reader
from fairpoll.watch.waiting import Waiting, Waits

pytestmark = [pytest.mark.local, pytest.mark.slow]
# From `produce` to the append, and between two readings of the clock (seconds); a busy machine is slow.
NEAR, CLOCKS = 0.5, 0.05


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    registry = Registry()
    cluster, _ = opened("local", tmp_path_factory.mktemp("broker"), registry)
    try:
        yield cluster
    finally:
        registry.close()


class Watched:
    """A topic of its own with one partition, a group that commits in it, and samples at both."""

    def __init__(self, broker: Cluster, name: str, stack: ExitStack, **topic_config: str) -> None:
        self.config, self.topic, self.group = broker.client_config, f"watched-{name}", f"group-{name}"
        self.admin = AdminClient(self.config)
        new = NewTopic(self.topic, num_partitions=1, config=topic_config)
        self.admin.create_topics([new])[self.topic].result(20)
        readers = [
            stack.enter_context(Reader(self.config, isolation))
            for isolation in ("read_committed", "read_uncommitted")
        ]
        watching = stack.enter_context(admin_client(self.config))
        self.positions = Positions(watching, *readers, self.group, [self.topic])
        # A new coordinator loads its groups first.
        wait_until(self.coordinated, 30, "the coordinator")
        self.waits = Waits(*readers)

    def coordinated(self) -> bool:
        with suppress(ClusterError):
            self.positions.sample()
            return True
        return False

    def produce(self, count: int, **record: object) -> float:
        """When the first of these records can have been appended (seconds since the epoch)."""
        producer, since = Producer(self.config), time.time()
        for number in range(count):
            producer.produce(self.topic, value=str(number).encode(), partition=0, **record)
        assert producer.flush(20) == 0
        return since

    def commit(self, offset: int) -> None:
        at = ConsumerGroupTopicPartitions(self.group, [TopicPartition(self.topic, 0, offset)])
        self.admin.alter_consumer_group_offsets([at])[self.group].result(20)

    def answer(self) -> Waiting:
        self.sampled = time.time()
        sample = self.positions.sample()
        self.seen = time.time()
        return self.waits.answer(sample)[(self.topic, 0)]

    def is_age(self, seconds: float, since: float) -> bool:
        """Whether this is the time from `since` to the last sample."""
        return self.sampled - since - NEAR <= seconds <= self.seen - since + CLOCKS


@pytest.fixture
def watched(broker: Cluster, request: pytest.FixtureRequest) -> Iterator[Watched]:
    with ExitStack() as stack:
        name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:80]
        yield Watched(broker, name, stack, **getattr(request, "param", {}))


def test_the_age_is_that_of_the_oldest_record_that_is_not_committed(watched: Watched):
    watched.commit(0)
    assert watched.answer().kind == "none"
    first = watched.produce(3)
    time.sleep(1.5)
    second = watched.produce(5000)
    assert watched.is_age(watched.answer().seconds, first)
    watched.commit(3)
    waiting = watched.answer()
    assert (waiting.kind, waiting.lag, waiting.offset) == ("age", 5000, 3)
    assert watched.is_age(waiting.seconds, second)
    assert waiting.at_most == waiting.seconds
    watched.commit(5003)
    assert watched.answer() == Waiting("none")


def test_a_topic_that_was_never_committed_is_between_two_times(watched: Watched):
    first = watched.produce(2)
    time.sleep(1)
    assert watched.answer().seconds == 0
    second = watched.produce(1)
    watched.answer()
    time.sleep(1)
    waiting = watched.answer()
    assert waiting.kind == "uncommitted"
    assert watched.is_age(waiting.seconds, second)
    assert watched.is_age(waiting.at_most, first)


def test_behind_an_open_transaction(watched: Watched):
    watched.commit(0)
    producer = Producer({**watched.config, "transactional.id": watched.group})
    producer.init_transactions(20)
    for finish in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        since = time.time()
        producer.produce(watched.topic, value=b"x", partition=0)
        producer.flush(20)
        time.sleep(1)
        waiting = watched.answer()
        assert (waiting.kind, waiting.note) == ("blocked", "behind an open transaction")
        assert watched.is_age(waiting.seconds, since)
        finish(20)
        # The coordinator answers before it has written the marker.
        wait_until(lambda: watched.answer().kind != "blocked", 10, "the marker")
        waiting = watched.answer()
        if finish == producer.commit_transaction:
            assert waiting.kind == "age"
            watched.commit(1)  # before the marker, as a group does that commits record by record
            assert watched.answer().kind == "none"
    # All that is left was aborted, or is a marker.
    assert waiting.kind == "none"


def test_deleted_records_and_commits_beyond_the_end_are_told_apart(watched: Watched):
    watched.produce(10)
    watched.commit(4)
    watched.admin.delete_records([TopicPartition(watched.topic, 0, 6)])
    deadline = time.monotonic() + 10
    while watched.answer().kind != "deleted":
        assert time.monotonic() < deadline
    waiting = watched.answer()
    assert (waiting.lag, waiting.offset, waiting.note) == (4, 6, "2 records were deleted unread")
    watched.commit(25)
    assert watched.answer() == Waiting("ahead", note="committed 25, the log ends at 10")


def test_a_create_time_of_an_hour_ago_does_not_decide(watched: Watched):
    watched.commit(0)
    watched.answer()
    since = watched.produce(1, timestamp=int((time.time() - 3600) * 1000))
    time.sleep(1)
    watched.answer()
    waiting = watched.answer()
    assert waiting.seconds <= watched.sampled - since + NEAR
    assert watched.seen - since <= waiting.at_most + NEAR
    assert waiting.at_most - waiting.seconds < 2
    assert waiting.note.startswith("CreateTime is 3,")
    assert waiting.note.endswith(" s older")


@pytest.mark.parametrize("watched", [{"message.timestamp.type": "LogAppendTime"}], indirect=True)
def test_log_append_time_is_the_brokers_word(watched: Watched):
    since = watched.produce(1, timestamp=int((time.time() - 3600) * 1000))
    watched.commit(0)
    time.sleep(1)
    waiting = watched.answer()
    assert waiting.seconds == waiting.at_most
    assert watched.is_age(waiting.seconds, since)


@pytest.mark.parametrize(("budget", "verdict", "code"), [("2s", "fail", 1), ("60s", "pass", 0)])
def test_the_command_gives_a_verdict(watched: Watched, budget: str, verdict: str, code: int):
    """The group commits a record at a time, each of which has been waiting for four seconds and more."""
    watched.produce(40)
    watched.commit(0)
    time.sleep(4)
    command = [sys.executable, "-m", "fairpoll", "watch", "--group", watched.group, "--interval", "0.5"]
    command += ["--bootstrap-servers", watched.config["bootstrap.servers"], "--for", "8s", "--json"]
    command += ["--topic", f"{watched.topic}={budget}"]
    done = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    committed = 0
    while done.poll() is None and committed < 39:
        committed += 1
        watched.commit(committed)
        time.sleep(0.3)
    printed, _ = done.communicate(timeout=60)
    *states, end = map(json.loads, printed.splitlines())
    assert (end["verdict"], done.returncode) == (verdict, code), end
    assert len(states) >= 3
    (row,) = states[-1]["partitions"]
    assert row["answer"] == "age"
    assert row["lag"] == 40 - row["committed"]
    assert row["rate"] > 1
    (judgement,) = end["judgements"]
    assert judgement["sentence"].startswith(f"the oldest message of {watched.topic}/0 had been waiting for ")


def refused(servers: str) -> str:
    command = [sys.executable, "-m", "fairpoll", "watch", "--group", "nobody", "--bootstrap-servers", servers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (3, ""), done
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_cluster_that_does_not_answer_and_a_group_that_does_not_exist_are_one_sentence(broker: Cluster):
    assert "127.0.0.1:1 did not answer as a Kafka broker" in refused("127.0.0.1:1")
    assert "group nobody has no member and has committed nothing" in refused(
        broker.client_config["bootstrap.servers"]
    )


@pytest.mark.skipif(not shutil.which("prometheus"), reason="no prometheus on the PATH")
def test_a_real_prometheus_scrapes_the_metrics(watched: Watched, tmp_path: Path):
    watched.produce(5)
    watched.commit(2)
    metrics, prometheus = free_ports(2)
    job = {
        "job_name": "watch",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"{HOST}:{metrics}"]}],
    }
    config = tmp_path / "prometheus.yml"
    config.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    watch = [sys.executable, "-m", "fairpoll", "watch", "--group", watched.group, "--json"]
    watch += ["--bootstrap-servers", watched.config["bootstrap.servers"], "--metrics-port", str(metrics)]
    server = [
        "prometheus",
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
    ]
    server += [f"--web.listen-address={HOST}:{prometheus}"]
    labels = f'{{group="{watched.group}",topic="{watched.topic}",partition="0"}}'

    def asked(metric: str, more: str = "") -> float | None:
        query = urlencode({"query": f"{metric}{labels[:-1]}{more}}}"})
        with (
            suppress(OSError),
            urlopen(f"http://{HOST}:{prometheus}/api/v1/query?{query}", timeout=5) as answer,
        ):
            found = json.load(answer)["data"]["result"]
            return float(found[0]["value"][1]) if found else None
        return None

    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen(command, **quiet) for command in (watch, server)]
    try:
        wait_until(lambda: asked("fairpoll_lag_records") == 3, 60, "the lag in a query")
        assert asked("fairpoll_answer", ',answer="age"') == 1
        first = asked("fairpoll_oldest_message_age_seconds")
        wait_until(
            lambda: (asked("fairpoll_oldest_message_age_seconds") or 0) > (first or 0) + 1,
            30,
            "a longer wait",
        )
    finally:
        for process in processes:
            process.terminate()
            process.wait(20)
    assert processes[0].returncode == 0  # it gives its verdict, without a budget a pass
