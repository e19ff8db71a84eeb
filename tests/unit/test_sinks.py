"""Evidence from outside: how it is declared, and how records of a sink become lines."""

import contextlib
import http.client
import json
import sqlite3
import threading
from pathlib import Path

import pytest

from fairpoll.base.errors import ConsumerError
from fairpoll.contract.source import Source
from fairpoll.contract.subject import Subject
from fairpoll.sinks.http import HttpSink
from fairpoll.sinks.seen import Seen
from fairpoll.sinks.sql import SqlSink

QUERY = "SELECT id, written AS time FROM orders"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"evidence": "kafka:out"}, "'kafka:out' is none of topic"),
        ({"evidence": "topic:a b"}, "'a b' is not the name of a topic"),
        ({"evidence": "http:0"}, "'0' is not a port"),
        ({"evidence": "sql:sqlite:///x.db"}, "needs a QUERY"),
        ({"evidence": "sql:orders", "query": QUERY}, "needs the address of a database"),
        ({"evidence": "http", "query": QUERY}, "QUERY is for EVIDENCE=sql:URL, not for http"),
        ({"query": QUERY}, "which is not given"),
        ({"delivery": "twice"}, "'twice' is neither at-least-once nor exactly-once"),
    ],
)
def test_a_wrong_declaration_is_one_sentence(texts: dict[str, str], message: str):
    with pytest.raises(ConsumerError, match=message):
        Subject.parse("yours", {"command": "true", **texts})


def test_a_password_in_the_address_of_a_database_is_refused_and_not_repeated():
    with pytest.raises(ConsumerError, match="set FAIRPOLL_SQL_PASSWORD") as refused:
        Source.parse("sql:postgresql://judge:hunter2@db/orders", QUERY)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("texts", "identity"),
    [
        ({"evidence": "topic"}, ("id", "topic")),
        ({"evidence": "http", "fields": "id=value.order"}, ("value.order", "topic")),
        ({"evidence": "http", "fields": "topic=value.t"}, ("", "value.t")),
        ({"evidence": "sql:sqlite://", "query": QUERY}, ("id", "topic")),
        ({"evidence": "sql:sqlite://", "query": "SELECT topic, partition, offset FROM o"}, ("", "topic")),
    ],
)
def test_a_record_is_named_by_its_id_or_by_its_place(texts: dict[str, str], identity: tuple[str, str]):
    fields = Subject.parse("yours", {"command": "true", **texts}).fields
    assert (fields.id, fields.topic) == identity
    assert fields.value == ""  # a service may transform what it gets


def lines(folder: Path, member: str = "") -> list[dict]:
    path = folder / member / "seen.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def seen_in(folder: Path, fields: str = "") -> Seen:
    subject = Subject.parse("yours", {"command": "true", "evidence": "http", "fields": fields})
    return Seen(folder, "run-1", subject.fields)


def test_records_of_other_runs_and_without_a_name_are_counted_and_not_written(tmp_path: Path):
    with seen_in(tmp_path) as seen:
        for message_id in ("run-1:a:0", "run-0:a:0", None, ""):
            seen.add({"id": message_id}, 1000.0)
        seen.add({"name": "no id"}, 1000.0)
    assert (seen.records, seen.foreign, seen.unnamed) == (1, 1, 3)
    assert lines(tmp_path) == [{"delivered_ms": 1000.0, "id": "run-1:a:0"}]
    seen.check()


def test_a_sink_without_any_record_leaves_an_empty_file(tmp_path: Path):
    with seen_in(tmp_path) as seen:
        seen.check()
    assert lines(tmp_path) == [] and (tmp_path / "seen.jsonl").exists()


def served(folder: Path, rate: float | None = None):
    seen = seen_in(folder).__enter__()
    return seen, HttpSink(0, rate, {}, seen)


def post(sink: HttpSink, path: str, body: str, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection(sink.url.removeprefix("http://"), timeout=10)
    connection.request("POST", path, body.encode(), headers or {})
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_http_sink_takes_one_record_a_list_or_lines(tmp_path: Path):
    seen, sink = served(tmp_path)
    assert post(sink, "/member-1", '{"id": "run-1:a:0"}') == 204
    assert post(sink, "/member-2", '[{"id": "run-1:a:1"}, {"id": "run-1:a:2"}]') == 204
    assert post(sink, "/other", '{"id": "run-1:a:3"}\n{"id": "run-1:a:4"}\n') == 204
    assert post(sink, "/member-1", '{"n": 5}', {"fairpoll-id": "run-1:a:5"}) == 204
    sink.run(lambda: True)
    assert [line["id"][-1] for line in lines(tmp_path)] == ["0", "3", "4", "5"]
    assert [line["id"][-1] for line in lines(tmp_path, "member-2")] == ["1", "2"]
    assert seen.records == 6


@pytest.mark.parametrize("body", ["no JSON", "[1]", '"text"', "", "\x00"])
def test_the_http_sink_refuses_what_is_no_record(tmp_path: Path, body: str):
    _, sink = served(tmp_path)
    wanted = 204 if body == "" else 400  # an empty body has no record
    assert post(sink, "/member-1", body) == wanted
    sink.run(lambda: True)
    assert lines(tmp_path) == []


def test_the_http_sink_takes_nothing_more_once_it_is_stopped(tmp_path: Path):
    _, sink = served(tmp_path, rate=0.5)
    assert post(sink, "/", '{"id": "run-1:a:0"}') == 204
    answers: list[int] = []

    def post_again() -> None:
        with contextlib.suppress(ConnectionError):  # the sink's process may end before its answer
            answers.append(post(sink, "/", '{"id": "run-1:a:1"}'))

    waiting = threading.Thread(target=post_again)
    waiting.start()
    sink.run(lambda: True)
    waiting.join(10)
    assert answers in ([503], [])
    assert len(lines(tmp_path)) == 1


def test_a_row_is_taken_once_and_not_if_it_was_there_before(tmp_path: Path):
    path = tmp_path / "orders.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE orders (id TEXT, written REAL)")
    database.execute("INSERT INTO orders VALUES ('run-1:a:0', 0)")
    database.commit()
    with seen_in(tmp_path) as seen:
        sink = SqlSink(f"sqlite:///{path}", QUERY, seen)
        # Its own time is an hour off: the interval in which the row appeared counts.
        database.executemany("INSERT INTO orders VALUES (?, 3600)", [("run-1:a:1",), ("run-1:a:2",)])
        database.execute("INSERT INTO orders VALUES ('run-1:a:1', 3600)")
        database.commit()
        sink.run(lambda: True)
    taken = lines(tmp_path)
    assert [line["id"] for line in taken] == ["run-1:a:1", "run-1:a:2", "run-1:a:1"]
    assert len({line["delivered_ms"] for line in taken}) == 1


@pytest.mark.parametrize(
    ("url", "query", "message"),
    [
        ("sqlite://", "SELECT 1 AS n", "QUERY: its columns are 'n', without 'id'; name one id"),
        ("sqlite://", "SELECT id FROM missing", "the query failed: .*no such table: missing"),
        ("nosuch://host/db", QUERY, "the database cannot be used"),
        ("sqlite://", "SELECT 'run-1:a:0' AS id, 'noon' AS time", "the column time has no time: 'noon'"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence(tmp_path: Path, url: str, query: str, message: str):
    with seen_in(tmp_path) as seen, pytest.raises(ConsumerError, match=message):
        SqlSink(url, query, seen)
