"""Consumers that leave nothing for Fairpoll are judged by their sink: a topic, a database or HTTP."""

import json
import sqlite3
import sys
from pathlib import Path

import psycopg
import pytest

import deployed
import postgres
from fairpoll.base.errors import ConsumerError
from fairpoll.checkers import judge
from fairpoll.cluster import Cluster
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.run.recorder import Recorder

SCENARIO = """
title: {title}
duration: 6 s
sink: 200 per second
consumer: {{session_timeout_ms: 2000}}
{timeline}
topics:
  busy: {{volume: high, partitions: 2, backlog: 300, traffic: 5 every 100 ms, output: busy.json}}
  quiet: {{volume: low, partitions: 1, traffic: 1 every 200 ms, output: quiet.json}}
"""
KILL = "timeline: [{at: 2 s, do: kill}, {at: 2500 ms, do: start}]"
QUERY = "SELECT source AS topic, part AS partition, place AS offset, written AS time FROM orders"
GUARANTEES = (
    "nothing_lost",
    "only_acked_delivered",
    "order_kept",
    "commits_never_ahead",
    "commits_caught_up",
)

pytestmark = [pytest.mark.local, pytest.mark.slow]


def recorded(cluster: Cluster, folder: Path, sink: str, *words: str, timeline: str = "", **texts: str):
    file = folder / "scenario.yaml"
    file.write_text(SCENARIO.format(title="Seen from outside", timeline=timeline), "utf-8")
    command = " ".join((sys.executable, deployed.__file__, sink, *words))
    consumer = Subject.parse("yours", {"command": command, "name": "mine", **texts})
    with Recorder(cluster, folder) as recorder:
        return recorder.record("seen", file, 1.0, [consumer])


def statuses(recording: Recording, *names: str) -> dict[str, str]:
    return {name: judge(name, recording, "mine").status for name in names or GUARANTEES}


def passes(*names: str) -> dict[str, str]:
    return dict.fromkeys(names or GUARANTEES, "pass")


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = tmp_path / "orders.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(
            "CREATE TABLE orders (source TEXT, part INTEGER, place INTEGER, "
            "written TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now')))"
        )
        database.execute("INSERT INTO orders (source, part, place) VALUES ('of an earlier run', 0, 0)")
    monkeypatch.setenv("DEPLOYED_DATABASE", str(path))
    return f"sql:sqlite:///{path}"


def test_a_service_is_judged_by_the_topic_it_writes_to(cluster: Cluster, tmp_path: Path):
    recording = recorded(cluster, tmp_path, "topic", evidence="topic")
    assert statuses(recording) == passes()
    history = recording.consumers["mine"]
    assert history.evidence >= {"records", "assignments", "commits"}
    assert not history.evidence & {"lines", "places", "contents"}
    dropping = recorded(cluster, tmp_path, "topic", "drops", evidence="topic")
    assert judge("nothing_lost", dropping, "mine").status == "fail"


def test_content_in_a_topic_is_judged_if_the_value_is_mapped(cluster: Cluster, tmp_path: Path):
    recording = recorded(cluster, tmp_path, "topic", evidence="topic", fields="value=value")
    assert statuses(recording, "content_intact") == passes("content_intact")


def test_exactly_once_holds_across_sigkill_only_with_transactions(cluster: Cluster, tmp_path: Path):
    once = {"evidence": "topic", "delivery": "exactly-once", "timeline": KILL}
    transactional = recorded(cluster, tmp_path, "topic", "transactional", **once)
    assert statuses(transactional, *GUARANTEES, "delivered_once") == passes(*GUARANTEES, "delivered_once")
    plain = recorded(cluster, tmp_path, "topic", **once)
    repeated = judge("delivered_once", plain, "mine")
    assert repeated.status == "fail"
    assert "that were delivered before" in repeated.sentence
    # At least once allows these: nothing had been committed.
    assert statuses(plain, "nothing_lost", "no_forbidden_duplicates") == passes(
        "nothing_lost", "no_forbidden_duplicates"
    )


def test_an_http_sink_paces_a_consumer_that_cannot_pace_itself(cluster: Cluster, tmp_path: Path):
    recording = recorded(cluster, tmp_path, "http", evidence="http", timeline=KILL)
    assert statuses(recording) == passes()
    # 200 records a second, whatever the service can do.
    served = judge("delivered_at_least", recording, "mine", volume="high", records=300)
    assert served.status == "pass", served.sentence
    delivered = recording.consumers["mine"].delivered
    in_second_one = ((delivered.at > 0) & (delivered.at <= 1)).sum()
    assert in_second_one <= 260
    dropping = recorded(cluster, tmp_path, "http", "drops", evidence="http")
    assert judge("nothing_lost", dropping, "mine").status == "fail"


def test_a_service_is_judged_by_the_rows_of_its_database(cluster: Cluster, tmp_path: Path, sqlite: str):
    recording = recorded(cluster, tmp_path, "sql", evidence=sqlite, query=QUERY)
    assert statuses(recording) == passes()
    assert len(recording.consumers["mine"].delivered) == len(recording.acked)
    dropping = recorded(cluster, tmp_path, "sql", "drops", evidence=sqlite, query=QUERY)
    assert judge("nothing_lost", dropping, "mine").status == "fail"


@pytest.mark.skipif(not postgres.binaries(), reason="no PostgreSQL")
def test_rows_of_postgresql_have_its_own_times_and_no_password_is_shown(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with postgres.postgres() as url:
        dsn = url.replace("+psycopg", "").replace("judge@", f"judge:{postgres.PASSWORD}@")
        monkeypatch.setenv("DEPLOYED_DSN", dsn)
        monkeypatch.setenv("FAIRPOLL_SQL_PASSWORD", postgres.PASSWORD)
        with psycopg.connect(dsn, autocommit=True) as database:
            database.execute(
                "CREATE TABLE orders (source text, part int, place bigint, "
                "written timestamptz DEFAULT clock_timestamp())"
            )
        texts = {"evidence": f"sql:{url}", "query": QUERY}
        recording = recorded(cluster, tmp_path, "sql", **texts, timeline=KILL)
        assert statuses(recording) == passes()
        # Each row was written before it was seen, by the clock of the database.
        rows = [
            json.loads(line) for line in (recording.folder / "mine" / "seen.jsonl").open(encoding="utf-8")
        ]
        assert len({row["delivered_ms"] for row in rows}) > len(rows) / 2
        recorded_texts = [path.read_text("utf-8") for path in recording.folder.rglob("*") if path.is_file()]
        assert not [text for text in recorded_texts if postgres.PASSWORD in text]
        monkeypatch.setenv("FAIRPOLL_SQL_PASSWORD", "wrong")
        with pytest.raises(ConsumerError, match=r"EVIDENCE=sql: the query failed: .*password authentication"):
            recorded(cluster, tmp_path, "sql", **texts)


def test_a_sink_without_the_messages_ids_is_named_with_the_way_out(cluster: Cluster, tmp_path: Path):
    with pytest.raises(ConsumerError, match=r"none of the .* records .* has value\.order; .*CONSUMER_FIELDS"):
        recorded(cluster, tmp_path, "topic", evidence="topic", fields="id=value.order")


def test_an_output_topic_is_made_if_it_is_missing_and_kept_if_it_was_there(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cluster.create_topics({"was-there": 5})
    deleted: list[str] = []
    monkeypatch.setattr(cluster, "delete", lambda topics, _groups: deleted.extend(topics))
    for topic in ("was-there", "new"):
        recording = recorded(cluster, tmp_path, "topic", evidence=f"topic:{topic}")
        assert statuses(recording, "nothing_lost") == passes("nothing_lost")
    assert "new" in deleted and "was-there" not in deleted


def test_the_run_records_where_its_consumer_was_seen(cluster: Cluster, tmp_path: Path):
    recording = recorded(cluster, tmp_path, "http", evidence="http")
    facts = json.loads((recording.folder / "run.json").read_text("utf-8"))
    assert facts["judged"]["mine"]["evidence"] == "http"
    assert recording.consumers["mine"].seen_in == "http"
