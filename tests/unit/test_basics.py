"""Units, waiting, events, connection properties: the small pieces under everything."""

import io
import json
import zlib
from pathlib import Path

import pytest

from fairpoll.base import clock
from fairpoll.base.errors import DeadlineError, FairpollError, HistoryError
from fairpoll.base.waiting import wait_until
from fairpoll.contract import client_config
from fairpoll.contract.events import EventWriter, Tail, read_events
from fairpoll.contract.records import checksum_of
from fairpoll.evidence.measures import jain_index, oldest_wait_curve
from fairpoll.producer.messages import build_message
from fairpoll.scenarios.units import Bursts, parse_duration, parse_rate, parse_share
from histories import SCENARIO, acked, consumer, delivered, recording


@pytest.mark.parametrize(
    ("text", "seconds"), [("500 ms", 0.5), ("3 s", 3), ("2 minutes", 120), ("1 second", 1)]
)
def test_durations(text: str, seconds: float):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["3", "3 days", "-1 s", "s", "", "1e3 s"])
def test_what_is_no_duration(text: str):
    with pytest.raises(ValueError, match="is not a duration; write for example"):
        parse_duration(text)


def test_rates_bursts_and_shares():
    assert parse_rate("10 per second") == 10
    assert Bursts.parse("20 every 500 ms") == Bursts(20, 0.5)
    assert parse_share("1%") == parse_share("1 %") == 0.01


@pytest.mark.parametrize("text", ["1", "0.01", "%"])
def test_a_share_needs_its_percent_sign(text: str):
    with pytest.raises(ValueError, match="with a percent sign"):
        parse_share(text)


def test_a_wait_tries_once_even_without_time():
    assert wait_until(lambda: "there", 0, "it") == "there"


def test_a_wait_that_ends_tells_what_was_seen():
    with pytest.raises(DeadlineError, match=r"waited 0.02 s for three; last seen: 2$"):
        wait_until(lambda: False, 0.02, "three", interval_seconds=0.01, last_seen=lambda: "2")


def test_a_wait_passes_errors_on():
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 / 0, 10, "it")


def test_events_are_written_and_read_back(tmp_path: Path):
    stream = io.StringIO()
    EventWriter(stream)("records_consumed", records=[{"topic": "ä"}])
    file = tmp_path / "events.jsonl"
    file.write_text(stream.getvalue() + '{"cut": "o', "utf-8")
    (event,) = read_events(file)
    assert (event["name"], event["records"]) == ("records_consumed", [{"topic": "ä"}])


@pytest.mark.parametrize("line", ["garbage", "42"])
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: str):
    file = tmp_path / "events.jsonl"
    file.write_text(f'{{"name":"a"}}\n{line}\n', "utf-8")
    with pytest.raises(HistoryError, match="line 2: not"):
        list(read_events(file))


def test_a_tail_gives_whole_lines_once(tmp_path: Path):
    file = tmp_path / "growing.jsonl"
    tail = Tail(file)
    assert tail.read() == []
    file.write_text('{"n":1}\n{"n"', "utf-8")
    assert tail.read() == [{"n": 1}]
    with file.open("a") as growing:
        growing.write(":2}\nnoise\n")
    assert tail.read() == [{"n": 2}]
    assert tail.read() == []


def test_a_message_has_the_specifications_fields_and_a_true_checksum():
    _, value, checksum, crc = build_message(SCENARIO.topics[1], "r1", 7, 3, 1000.0)
    assert crc == zlib.crc32(value)
    body = json.loads(value)
    wanted = {"id", "type", "timestamp", "data", "batch_id", "partition_key", "run_id", "intended_ms"}
    assert wanted <= body.keys()
    assert checksum_of(body) == body["checksum"] == checksum
    assert checksum_of({**body, "data": {}}) != checksum


def test_connection_properties_travel_in_the_environment():
    properties = {"sasl.password": "x", "security.protocol": "SASL_SSL"}
    environment = client_config.to_environment(properties)
    assert environment["FAIRPOLL_KAFKA_SASL_PASSWORD"] == "x"
    assert client_config.from_environment({**environment, "PATH": "/bin"}) == properties


FILE = """\
# as a provider hands it out
bootstrap.servers=other:9092
security.protocol = SASL_SSL
sasl.password=a=b#c
  session.timeout.ms=45000

ssl.ca.location: /etc/ca.pem
"""


def test_connection_properties_come_from_a_file_and_a_variable_has_precedence(tmp_path: Path):
    file = tmp_path / "client.properties"
    file.write_text(FILE, "utf-8")
    environment = {"FAIRPOLL_PROPERTIES_FILE": str(file), "FAIRPOLL_KAFKA_SSL_CA_LOCATION": "/mine.pem"}
    assert client_config.from_environment(environment) == {
        "security.protocol": "SASL_SSL",
        "sasl.password": "a=b#c",
        "ssl.ca.location": "/mine.pem",
    }
    assert client_config.from_environment({"FAIRPOLL_PROPERTIES_FILE": ""}) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a=1\nsecret-word", "line 2: not name=value, with a name of small letters, digits and dots"),
        ("Sasl_Password=secret-word", "line 1: not name=value"),
        (
            "sasl.jaas.config=secret-word",
            "line 1: sasl.jaas.config is the Java client's; write sasl.username",
        ),
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_a_wrong_file_of_properties_is_named_by_its_line_and_never_by_a_value(
    text: str | bytes | None, reason: str, tmp_path: Path
):
    file = tmp_path / "client.properties"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FairpollError) as error:
        client_config.from_environment({"FAIRPOLL_PROPERTIES_FILE": str(file)})
    assert str(error.value).startswith(f"FAIRPOLL_PROPERTIES_FILE: {file}: {reason}")
    assert "secret-word" not in str(error.value)


def test_the_age_of_the_oldest_waiting_message_is_a_sawtooth():
    run = recording(acked("low", 0, 10), consumer("async", delivered("low", 0, 4)))
    curve = oldest_wait_curve(run, "async", ["low"]).tolist()
    assert curve == [[0, 0], [4, 4], [4, 0], [10, 0], [60, 50]]


@pytest.mark.parametrize(("shares", "index"), [([1, 1], 1), ([1, 0], 0.5), ([], 0), ([0, 0], 0)])
def test_jains_index(shares: list[float], index: float):
    assert jain_index(shares) == index


def test_a_process_that_was_preempted_between_two_clocks_has_the_right_time(monkeypatch: pytest.MonkeyPatch):
    """The first reads are interrupted for 100 ms, each at another place; the others take 1 ms."""
    now = 0.0
    pauses = iter([0.0, 0.1, 0.0, 0.0, 0.0, 0.1])

    def read(lead: float) -> float:
        nonlocal now
        now += 0.0005 + next(pauses, 0.0)
        return now + lead

    monkeypatch.setattr("fairpoll.base.clock.time.monotonic", lambda: read(0.0))
    monkeypatch.setattr("fairpoll.base.clock.time.time", lambda: read(1_000.0))
    assert clock.measured_offset() == pytest.approx(1_000.0, abs=0.001)
