"""A recording's tables, asked in SQL."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fairpoll.base.errors import FairpollError
from fairpoll.cli.query import query as command
from fairpoll.evidence.querying import TABLES, query
from fairpoll.evidence.reading.loading import load_recording
from recordings import write_recording


def test_every_table_has_the_documented_columns(tmp_path: Path):
    write_recording(tmp_path)
    recording = load_recording(tmp_path)
    for table, columns in TABLES.items():
        assert query(recording, f"select * from {table}").columns == list(columns)


def test_what_the_tables_hold(tmp_path: Path):
    write_recording(tmp_path)
    recording = load_recording(tmp_path)
    delivered = query(recording, 'select topic, "offset", delivered, waited, intact, output from deliveries')
    assert delivered.rows[:1] == [("low", 0, 0.5, 0.5, True, "low_vol.json")]
    assert query(recording, "select count(*), max(intended) from messages").rows == [(4, 3.0)]
    assert query(recording, "select name from events").rows == [("partitions_assigned",)]
    assert query(recording, 'select "offset" from commits').rows == [(4,)]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('run.json')",
        "copy messages to 'x.csv'",
        "attach 'x.db'",
        "set enable_external_access = true",
        "select * from np",
        "selec",
    ],
)
def test_a_query_reaches_nothing_else(sql: str, tmp_path: Path):
    write_recording(tmp_path)
    with pytest.raises(FairpollError, match="the query: "):
        query(load_recording(tmp_path), sql)


def test_formats(tmp_path: Path):
    write_recording(tmp_path)
    sql = "select topic, count(*) as n, null as nothing from deliveries group by topic"

    def printed(*options: str) -> str:
        done = CliRunner().invoke(command, [str(tmp_path), sql, *options])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert printed() == "topic  n  nothing\nlow    4  NULL\n"
    assert printed("--format", "csv") == "topic,n,nothing\nlow,4,\n"
    assert json.loads(printed("--format", "json")) == [{"topic": "low", "n": 4, "nothing": None}]
