"""Anything at all as input: it is read, or refused in the project's own words, and never anything else."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairpoll.base.errors import HistoryError, ScenarioError
from fairpoll.base.text import plain, quoted
from fairpoll.checkers import CRITERIA, judge
from fairpoll.checkers.plan import recording_is_sound
from fairpoll.contract import client_config
from fairpoll.evidence.history import Recording
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.keywords.arguments import CONVERTERS
from fairpoll.reports.tables import criteria_table
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import Scenario
from fairpoll.scenarios.units import Action, Bursts, parse_duration, parse_rate, parse_share
from fairpoll.verdicts.verdict import Verdict
from recordings import SCENARIO, observe, write_recording

# Modest, so that all of it takes well under half a minute; what is found is printed to be repeated.
some = settings(
    max_examples=150,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
SCENARIO_SECONDS = 1.0

SPECIFIED = Path(__file__).parents[2] / "resources" / "scenarios" / "specified.yaml"
SPELT = SPECIFIED.read_text("utf-8")
KEYS = st.sampled_from(
    ["title", "duration", "sink", "topics", "timeline", "consumer", "drain", "volume", "partitions", "count",
     "traffic", "output", "weights", "poison", "starts_after", "at", "do", "poll_interval_ms", "<<", "="]
)  # fmt: skip
WORDS = st.sampled_from(
    ["2 minutes", "0 s", "10 per second", "20 every 500 ms", "high", "low", "a.json", "../a.json", "join",
     "sink 1 per second", "9" * 400 + " s", "nan", ".inf", "1 every 1 ms", "\ud800", "2026-01-01", "*a",
     "!!x"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)


def read_scenario(content: bytes) -> Scenario | None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "fuzz.yaml"
        file.write_bytes(content)
        began = time.process_time()
        try:
            return load_scenario(file)
        except ScenarioError as error:
            for line in str(error).split("\n"):
                assert line.startswith(f"{file}: ")
                assert line.isprintable()
            return None
        finally:
            assert time.process_time() - began < SCENARIO_SECONDS


@some
@given(
    st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_a_scenario_or_refused(content: bytes):
    read_scenario(content)


@some
@given(VALUES)
def test_any_structure_is_a_scenario_or_refused(data: object):
    read_scenario(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))
    read_scenario(json.dumps(data).encode())


@some
@given(st.lists(st.sampled_from(["topics", "topic", "timeline", "consumer"]), max_size=3), KEYS, VALUES)
def test_a_scenario_with_any_value_anywhere_is_read_or_refused(way: list[str], key: str, value: object):
    data = yaml.safe_load(SPELT)
    data["timeline"] = [{"at": "1 s", "do": "join"}]
    places = {
        "topics": data["topics"],
        "topic": data["topics"]["async-test-low-volume"],
        "timeline": data["timeline"][0],
        "consumer": data["consumer"],
    }
    (places[way[-1]] if way else data)[key] = value
    scenario = read_scenario(json.dumps(data).encode())
    if scenario is not None:
        assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario
        assert all(t.planned_messages(scenario.duration_seconds) >= 0 for t in scenario.topics)


@some
@given(st.integers(0, len(SPELT)), st.integers(0, 40), st.text(max_size=10))
def test_a_scenario_that_is_edited_anywhere_is_read_or_refused(at: int, gone: int, instead: str):
    text = SPELT[:at] + instead + SPELT[at + gone :]
    read_scenario(text.encode("utf-8", "surrogatepass"))


NUMBERS = st.integers() | st.floats() | st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,3})?", fullmatch=True)
UNITS = st.builds(
    lambda n, u: f"{n}{u}", NUMBERS, st.sampled_from([" s", "ms", " per second", " every 1 s", "%"])
)


@pytest.mark.parametrize(
    "parse", [parse_duration, parse_rate, parse_share, Bursts.parse, Action.parse, *CONVERTERS.values()]
)
def test_any_text_is_a_value_or_refused(parse: Callable[[str], object]):
    @some
    @given(st.text(max_size=40) | UNITS)
    def whatever(text: str) -> None:
        try:
            parse(text)
        except ValueError as error:
            assert (
                "not" in str(error)
                or "must" in str(error)
                or "at most" in str(error)
                or "out of" in str(error)
            )
            assert str(error).isprintable()

    whatever()


@some
@given(st.text(max_size=60))
def test_any_address_is_taken_or_refused(text: str):
    try:
        client_config.check_servers(text)
    except ValueError as error:
        assert "write host:port" in str(error)


FILES = [
    "run.json",
    "ledger.jsonl",
    "samples.jsonl",
    "observed.jsonl",
    "c/events.jsonl",
    "c/low_vol.json",
    "c/dead_letters.json",
]
THRESHOLDS: dict[str, dict[str, object]] = {
    "stops_when_asked": {"seconds": 10},
    "memory_grows_at_most": {"mebibytes": 32},
    "delivered_at_least": {"volume": "low", "records": 1},
    "delivered_at_most": {"volume": "low", "records": 1},
    "share_at_least": {"volume": "low", "share": 0.01},
    "oldest_wait_at_most": {"volume": "low", "seconds": 5},
    "oldest_wait_at_most_times_solo": {"volume": "low", "times": 4, "solo_seconds": 1},
    "oldest_wait_at_least": {"volume": "low", "seconds": 5},
    "due_messages_delivered": {"volume": "low", "seconds": 5},
    "throughput_at_least": {"of": "c", "share": 0.9},
    "latency_at_most": {"volume": "low", "percentile": 99, "seconds": 5},
    "service_at_least": {"volume": "low", "share": 0.9},
    "memory_bounded": {"mebibytes": 100},
    "no_stall": {"seconds": 5},
    "every_partition_served": {"seconds": 5},
    "delivers_again": {"seconds": 5},
    "recovers_within": {"seconds": 5},
}


def judged(change: Callable[[Path], None]) -> None:
    """Change a sound recording; it must be refused, or be read and judged by every criterion."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_recording(folder)
        observe(folder)
        change(folder)
        try:
            recording = load_recording(folder)
        except HistoryError as error:
            assert str(error).startswith(str(folder))
            return
        assert isinstance(recording, Recording)
        if "c" not in recording.consumers:
            return
        verdict = Verdict(recording)
        for criterion in CRITERIA:
            judge(criterion, recording, "c", **THRESHOLDS.get(criterion, {}))
        recording_is_sound(recording)
        verdict.to_text()


@some
@given(st.sampled_from(FILES), st.binary(max_size=200), st.booleans())
def test_any_bytes_in_a_recording_are_judged_or_refused(name: str, content: bytes, added: bool):
    def change(folder: Path) -> None:
        before = (folder / name).read_bytes() if added and (folder / name).exists() else b""
        (folder / name).write_bytes(before + content)

    judged(change)


@some
@given(st.sampled_from(FILES[:6]), st.integers(0, 5_000), st.integers(0, 30), st.binary(max_size=10))
def test_a_recording_that_is_edited_anywhere_is_judged_or_refused(
    name: str, at: int, gone: int, instead: bytes
):
    def change(folder: Path) -> None:
        before = (folder / name).read_bytes()
        place = at % len(before)
        (folder / name).write_bytes(before[:place] + instead + before[place + gone :])

    judged(change)


FIELDS = st.sampled_from(
    ["topic", "partition", "offset", "timestamp", "name", "sequence", "batch", "checksum", "delivered_ms",
     "value", "partitions", "records", "offsets", "success", "consumer", "final", "poison", "speed", "topics",
     "consumers", "scenario", "start_ms", "stopped_ms", "timeline", "host", "complete", "cluster", "run_id",
     "faults",
     "policy", "lost", "since", "sizes"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["producer_send_success", "producer_send_error", "partitions_assigned", "partitions_revoked", "memory",
     "partitions_paused", "partitions_resumed", "records_consumed", "record_rejected", "offsets_committed",
     "committed_offsets", "log_start", "x"]
)  # fmt: skip
SPOTS = st.lists(
    st.fixed_dictionaries(
        {"topic": st.sampled_from(["low.r", "low", "x"]), "partition": st.integers(-1, 3)},
        optional={"offset": st.integers(-1, 5), "buffered": st.integers(0, 1000)},
    ),
    max_size=3,
)


@some
@given(st.sampled_from(FILES[:6]), st.integers(0, 4), FIELDS, VALUES | NAMES | SPOTS)
def test_any_value_in_any_field_is_judged_or_refused(name: str, line: int, field: str, value: object):
    def change(folder: Path) -> None:
        lines = (folder / name).read_text("utf-8").splitlines()
        at = line % len(lines)
        lines[at] = json.dumps({**json.loads(lines[at]), field: value})
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")

    judged(change)


@some
@given(
    st.sampled_from(FILES[1:6]),
    st.lists(st.tuples(NAMES, st.floats(0, 2e6), SPOTS, SPOTS, st.booleans()), max_size=6),
)
def test_events_in_any_order_are_judged_or_refused(
    name: str, listed: list[tuple[str, float, list, list, bool]]
):
    def change(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as file:
            for event, at, partitions, records, flag in listed:
                where = {"partitions": partitions, "records": records, "offsets": records}
                fields = {"timestamp": at, "name": event, "success": flag, "consumer": "c", "final": flag}
                file.write(json.dumps({**fields, **where, "rss_bytes": 5, "lost": flag}) + "\n")

    judged(change)


PLACES = [
    "title",
    "duration_seconds",
    "sink_rate",
    "topics",
    "settings",
    "timeline",
    "drain",
    "control_wait_seconds",
]


@some
@given(st.sampled_from(PLACES), VALUES)
def test_any_scenario_in_a_recording_is_judged_or_refused(key: str, value: object):
    def change(folder: Path) -> None:
        facts = json.loads((folder / "run.json").read_text("utf-8"))
        facts["scenario"][key] = value
        (folder / "run.json").write_text(json.dumps(facts), "utf-8")

    judged(change)
    assert SCENARIO.title


@some
@given(st.text(max_size=200))
def test_whatever_is_shown_is_on_one_line_and_short(text: str):
    assert plain(text).isprintable()
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 65
    assert "<" not in criteria_table([], text).split("<caption", 1)[1].split(">", 1)[1].split("</caption>")[0]
