"""Wrong scenario files: each row is one mistake and the sentence that its author is told."""
# ruff: noqa: E501 - a row is read as a line

import time
import tracemalloc
from pathlib import Path

import pytest

from fairpoll.base.errors import ScenarioError
from fairpoll.scenarios.file import load_scenario

SPECIFIED = Path(__file__).parents[2] / "resources" / "scenarios" / "specified.yaml"
PARTITIONS = "How many partitions the topic has, 1 to 1000."
HIGH, LOW = "topics.async-test-high-volume", "topics.async-test-low-volume"
DURATION, SINK = "duration: 2 minutes", "sink: 10 per second"
TRAFFIC, LOW_OUTPUT = "20 every 500 ms", "output: low_vol.json"
SHOULD_READ = "write for example 20 every 500 ms"
CONSUMER = "poll_interval_ms: 50"

# What is right in the specified scenario, what is written instead, and what is told, from the line on.
WRONG = {
    "unknown key": (
        "traffic: 20", "trafic: 20",
        f"line 17: {HIGH}: missing: traffic\n"
        f"line 21: {HIGH}.trafic: unknown key; allowed here: volume, partitions, backlog, traffic, output, "
        "message_type, priority, count, weights, starts_after, sink, poison",
    ),
    "missing key": (f"{SINK}\n", "", "line 6: the file: missing: sink"),
    "no unit": (DURATION, "duration: 2", "line 7: duration: '2' has no unit. How long traffic is produced and "
        "judged, for example 2 minutes."),
    "wrong unit": (DURATION, "duration: 2 days",
        "line 7: duration: '2 days' is not a duration; write for example 500 ms, 3 s or 2 minutes"),
    "duration 0": (DURATION, "duration: 0 s", "line 7: duration: '0 s' must be above 0"),
    "negative duration": (DURATION, "duration: -5 s",
        "line 7: duration: '-5 s' is not a duration; write for example 500 ms, 3 s or 2 minutes"),
    "endless duration": (DURATION, "duration: .inf",
        "line 7: duration: 'inf' has no unit. How long traffic is produced and judged, for example 2 minutes."),
    "duration nan": (DURATION, "duration: nan s",
        "line 7: duration: 'nan s' is not a duration; write for example 500 ms, 3 s or 2 minutes"),
    "overflowing duration": (DURATION, f"duration: {'9' * 400} s",
        f"line 7: duration: '{'9' * 60}...' is too long; at most 1440 minutes"),
    "negative rate": (SINK, "sink: -1 per second",
        "line 8: sink: '-1 per second' is not a rate; write for example 10 per second"),
    "rate without unit": (SINK, "sink: 10", "line 8: sink: '10' has no unit. How fast the consumer's sink takes "
        "records, for example 10 per second."),
    "rate 0": (SINK, "sink: 0 per second",
        "line 8: sink: '0 per second' is out of range; from 0.001 to 1,000,000 per second"),
    "overflowing rate": (SINK, f"sink: {'9' * 400} per second",
        f"line 8: sink: '{'9' * 60}...' is out of range; from 0.001 to 1,000,000 per second"),
    "zero partitions": ("partitions: 3", "partitions: 0", f"line 19: {HIGH}.partitions: 0 is too small; at least 1"),
    "half a partition": ("partitions: 3", "partitions: 3.5",
        f"line 19: {HIGH}.partitions: '3.5' must be a whole number. {PARTITIONS}"),
    "a float that is whole": ("partitions: 3", "partitions: 3.0",
        f"line 19: {HIGH}.partitions: '3.0' must be a whole number. {PARTITIONS}"),
    "partitions yes": ("partitions: 3", "partitions: yes",
        f"line 19: {HIGH}.partitions: 'True' must be a whole number. {PARTITIONS}"),
    "too many partitions": ("partitions: 3", "partitions: 1001",
        f"line 19: {HIGH}.partitions: 1001 is too large; at most 1000"),
    "too many partitions in all": ("partitions: 3", "partitions: 1000\n    count: 11",
        "line 16: topics: have 11,001 partitions in all; at most 10,000"),
    "unreadable number": ("partitions: 3", f"partitions: {'1' * 5000}",
        f"line 19: {HIGH}.partitions: '{'1' * 60}...' is neither text nor a number that can be read"),
    "traffic without unit": (TRAFFIC, "20 every 500",
        f"line 21: {HIGH}.traffic: '20 every 500' is not traffic; {SHOULD_READ}"),
    "negative traffic": (TRAFFIC, "-20 every 500 ms",
        f"line 21: {HIGH}.traffic: '-20 every 500 ms' is not traffic; {SHOULD_READ}"),
    "no messages": (TRAFFIC, "0 every 500 ms",
        f"line 21: {HIGH}.traffic: '0 every 500 ms': both the number of messages and the interval must be above 0"),
    "bursts too close": (TRAFFIC, "1 every 0.0001 ms",
        f"line 21: {HIGH}.traffic: '1 every 0.0001 ms': at most 1,000,000 messages, and at least 1 ms between"),
    "too many messages": (TRAFFIC, "1000000 every 1 ms",
        "line 16: topics: plan 120,000,002,040 messages in all; at most 10,000,000"),
    "overflowing backlog": ("backlog: 2000", "backlog: 99999999999999999999",
        f"line 20: {HIGH}.backlog: 99999999999999999999 is too large; at most 10000000"),
    "unknown volume": ("volume: low", "volume: medium",
        f"line 26: {LOW}.volume: 'medium' is not allowed; one of: high, low"),
    "duplicate topic": ("async-test-low-volume:", "async-test-high-volume:",
        "line 25: topics.async-test-high-volume: stands here a second time"),
    "numbered into another topic": (
        "    message_type: analytics_event\n\n  async-test-low-volume:",
        "    count: 2\n  async-test-high-volume-001:",
        f"line 17: {HIGH}: async-test-high-volume-001 is another topic's name too\n"
        f"line 24: {HIGH}-001: async-test-high-volume-001 is another topic's name too"),
    "bad topic name": ("async-test-low-volume:", "a b:",
        "line 25: topics.a b: not a topic name; allowed are at most 200 letters, digits, dots, underscores and "
        "hyphens"),
    "topic name with a line end": ("async-test-low-volume:", '"a\\n":',
        "line 25: topics.a: not a topic name; allowed are at most 200 letters, digits, dots, underscores and "
        "hyphens"),
    "no topics": ("topics:", "topics: {}\nx:", "line 16: topics: there is nothing in it; name at least one\n"
        "line 17: x: unknown key; allowed here: title, duration, sink, control_waits_at_least, drain, side_by_side, consumer, "
        "timeline, topics"),
    "same output": (LOW_OUTPUT, "output: high_vol.json",
        f"line 22: {HIGH}.output: high_vol.json is another topic's output too\n"
        f"line 29: {LOW}.output: high_vol.json is another topic's output too"),
    "output elsewhere": (LOW_OUTPUT, "output: ../x.json",
        f"line 29: {LOW}.output: '../x.json' must be a plain file name ending in .json"),
    "the dead letters' output": (LOW_OUTPUT, "output: dead_letters.json",
        f"line 29: {LOW}.output: dead_letters.json is where records go that no output can take; choose another name"),
    "weights for other partitions": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    weights: [1, 2]",
        f"line 30: {LOW}.weights: needs one number for each of the 1 partitions, not all 0"),
    "weights all 0": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    weights: [0]",
        f"line 30: {LOW}.weights: needs one number for each of the 1 partitions, not all 0"),
    "weight nan": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    weights: [.nan]",
        f"line 30: {LOW}.weights.0: 'nan' must be a whole number"),
    "poison beyond the messages": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    poison: [3, 40]",
        f"line 30: {LOW}.poison: there is no message 40; the topic's 40 are counted from 0"),
    "negative poison": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    poison: [-1]",
        f"line 30: {LOW}.poison.0: -1 is too small; at least 0"),
    "starts after the end": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    starts_after: 2 minutes",
        f"line 30: {LOW}.starts_after: must be before the end of the run, 120 s"),
    "step after the end": (SINK, f"{SINK}\ntimeline: [{{at: 3 minutes, do: join}}]",
        "line 9: timeline.0.at: must be before the end of the run, 120 s"),
    "unknown step": (SINK, f"{SINK}\ntimeline: [{{at: 1 s, do: dance}}]",
        "line 9: timeline.0.do: 'dance' is not an action; one of: join, leave, kill, stop, start, "
        "sink 50 per second, sink unlimited"),
    "step without effect": (SINK, f"{SINK}\ntimeline: [{{at: 1 s, do: leave}}]",
        "line 9: timeline.0.do: 'leave' can do nothing then: no second member has joined"),
    "control longer than the run": ("control_waits_at_least: 30 s", "control_waits_at_least: 3 minutes",
        "line 9: control_waits_at_least: is longer than the run, 120 s"),
    "Kafka's own rule": (CONSUMER, f"{CONSUMER}\n  max_poll_interval_ms: 1000",
        "line 11: consumer: max_poll_interval_ms, 1000, must be at least session_timeout_ms, 45000: Kafka's own rule"),
    "endless poll": (CONSUMER, "poll_interval_ms: 99999999999999999999",
        "line 12: consumer.poll_interval_ms: 99999999999999999999 is too large; at most 60000"),
    "half a character": (SINK, f'{SINK}\n"\\ud800": 1',
        "line 9: \ufffd: unknown key; allowed here: title, duration, sink, control_waits_at_least, drain, side_by_side, consumer, "
        "timeline, topics"),
    "half a character in a text": ("title:", 'title: "\\ud800" #',
        "line 6: title: '\ufffd' is neither text nor a number that can be read"),
    "empty title": ("title:", 'title: "" #', "line 6: title: there is nothing in it"),
    "a key that is a list": (SINK, f"{SINK}\n? [a]\n: b", "line 9: the file: a key must be a word"),
}  # fmt: skip


@pytest.mark.parametrize("row", WRONG)
def test_a_wrong_file_is_refused(row: str, tmp_path: Path):
    right, wrong, told = WRONG[row]
    text = SPECIFIED.read_text("utf-8")
    assert right in text
    file = tmp_path / "wrong.yaml"
    file.write_text(text.replace(right, wrong, 1), "utf-8")
    with pytest.raises(ScenarioError) as error:
        load_scenario(file)
    assert str(error.value) == "\n".join(f"{file}: {line}" for line in told.split("\n"))


BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
NO_SCENARIO = {
    "empty": (b"", "is empty; it needs title, duration, sink and topics"),
    "only a comment": (b"# nothing\n", "is empty; it needs title, duration, sink and topics"),
    "not UTF-8": (b"title: \xff", "is not UTF-8 text (byte 7)"),
    "a list": (b"- title: x", "line 1: the file: '[{'title': 'x'}]' must be a group of keys. The traffic, the sink "
        "and the consumer settings of one run. Times are in the scenario's own time; SPEED divides them."),
    "too large": (b"x" * 50_001, "larger than 50,000 bytes, which no scenario needs"),
    "YAML bomb": (BOMB.encode(), "line 2: aliases (*name) are not allowed; write the value out"),
    "a tag": (b"title: !!python/object/apply:os.system [id]",
        "line 1: tags (tag:yaml.org,2002:py) are not allowed; write the value alone"),
    "too deep": (b"[" * 5_000, "line 1: nested more than 10 deep, which no scenario needs"),
    "two documents": (b"a: 1\n---\nb: 1\n", "line 2: not YAML: but found another document; check the indentation, colons and brackets there"),
    "a stray bracket": (b"title: [x\n", "line 2: not YAML: expected ',' or ']', but got '<stream end>'; check the indentation, colons and brackets there"),
    "a tab": (b"a:\n\tb: 1", "line 2: not YAML: found character '\\t' that cannot start any token; check the indentation, colons and brackets there"),
    "binary": (b"title: \x00\x01", "not YAML: special characters are not allowed (character 7)"),
}  # fmt: skip


@pytest.mark.parametrize("row", NO_SCENARIO)
def test_what_is_no_scenario_at_all_is_refused_at_once(row: str, tmp_path: Path):
    content, told = NO_SCENARIO[row]
    file = tmp_path / "wrong.yaml"
    file.write_bytes(content)
    began = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(ScenarioError) as error:
            load_scenario(file)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(error.value) == f"{file}: {told}"
    assert time.monotonic() - began < 5
    assert most_bytes < 20_000_000


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("none.yaml", "no such scenario file"),
        (".", "is a folder, not a scenario file"),
        ("/dev/zero", "is not a file"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
    ids=["missing", "a folder", "a device", "impossible name"],
)
def test_what_is_no_file_is_refused(path: str, told: str, tmp_path: Path):
    with pytest.raises(ScenarioError) as error:
        load_scenario(tmp_path / path)
    assert str(error.value) == f"{tmp_path / path}: {told}"


def test_every_mistake_is_told_with_its_line_in_the_order_of_lines(tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    text = (
        SPECIFIED.read_text("utf-8").replace("partitions: 3", "partitions: 0").replace("2 minutes", "2 days")
    )
    file.write_text(text.replace("volume: low", "volume: low\n    weights: [1, 1]"), "utf-8")
    with pytest.raises(ScenarioError) as error:
        load_scenario(file)
    assert [line.split(": ")[1:3] for line in str(error.value).split("\n")] == [
        ["line 7", "duration"],
        ["line 19", f"{HIGH}.partitions"],
        ["line 27", f"{LOW}.weights"],
    ]


def test_of_many_mistakes_twenty_are_told_and_the_rest_counted(tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    file.write_text(SPECIFIED.read_text("utf-8") + "".join(f"key{n}: 1\n" for n in range(30)), "utf-8")
    with pytest.raises(ScenarioError) as error:
        load_scenario(file)
    lines = str(error.value).split("\n")
    assert len(lines) == 21
    assert lines[-1] == f"{file}: and 10 more"
