"""Wrong scenario files: each row is one mistake and the sentence that its author gets."""
# ruff: noqa: E501 - a row is read as a line

import tracemalloc
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fairpoll.base.errors import ScenarioError
from fairpoll.scenarios.file import load_scenario

SPECIFIED = Path(__file__).parents[2] / "resources" / "scenarios" / "specified.yaml"
HIGH, LOW = "topics.async-test-high-volume", "topics.async-test-low-volume"
DURATION, SINK = "duration: 2 minutes", "sink: 10 per second"
TRAFFIC, LOW_OUTPUT = "20 every 500 ms", "output: low_vol.json"
CONSUMER = "poll_interval_ms: 50"

# Text of the specified scenario, and the text that replaces it.
WRONG = {
    "unknown key": ("traffic: 20", "trafic: 20"),
    "missing key": (f"{SINK}\n", ""),
    "no unit": (DURATION, "duration: 2"),
    "wrong unit": (DURATION, "duration: 2 days"),
    "duration 0": (DURATION, "duration: 0 s"),
    "negative duration": (DURATION, "duration: -5 s"),
    "endless duration": (DURATION, "duration: .inf"),
    "duration nan": (DURATION, "duration: nan s"),
    "overflowing duration": (DURATION, f"duration: {'9' * 400} s"),
    "negative rate": (SINK, "sink: -1 per second"),
    "rate without unit": (SINK, "sink: 10"),
    "rate 0": (SINK, "sink: 0 per second"),
    "overflowing rate": (SINK, f"sink: {'9' * 400} per second"),
    "zero partitions": ("partitions: 3", "partitions: 0"),
    "half a partition": ("partitions: 3", "partitions: 3.5"),
    "a float that is whole": ("partitions: 3", "partitions: 3.0"),
    "partitions yes": ("partitions: 3", "partitions: yes"),
    "too many partitions": ("partitions: 3", "partitions: 1001"),
    "too many partitions in all": ("partitions: 3", "partitions: 1000\n    count: 11"),
    "unreadable number": ("partitions: 3", f"partitions: {'1' * 5000}"),
    "traffic without unit": (TRAFFIC, "20 every 500"),
    "negative traffic": (TRAFFIC, "-20 every 500 ms"),
    "no messages": (TRAFFIC, "0 every 500 ms"),
    "bursts too close": (TRAFFIC, "1 every 0.0001 ms"),
    "too many messages": (TRAFFIC, "1000000 every 1 ms"),
    "overflowing backlog": ("backlog: 2000", "backlog: 99999999999999999999"),
    "unknown volume": ("volume: low", "volume: medium"),
    "duplicate topic": ("async-test-low-volume:", "async-test-high-volume:"),
    "numbered into another topic": ("    message_type: analytics_event\n\n  async-test-low-volume:", "    count: 2\n  async-test-high-volume-001:"),
    "bad topic name": ("async-test-low-volume:", "a b:"),
    "topic name with a line end": ("async-test-low-volume:", '"a\\n":'),
    "no topics": ("topics:", "topics: {}\nx:"),
    "same output": (LOW_OUTPUT, "output: high_vol.json"),
    "output elsewhere": (LOW_OUTPUT, "output: ../x.json"),
    "the dead letters' output": (LOW_OUTPUT, "output: dead_letters.json"),
    "weights for other partitions": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    weights: [1, 2]"),
    "weights all 0": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    weights: [0]"),
    "weight nan": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    weights: [.nan]"),
    "poison beyond the messages": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    poison: [3, 40]"),
    "negative poison": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    poison: [-1]"),
    "starts after the end": (LOW_OUTPUT, f"{LOW_OUTPUT}\n    starts_after: 2 minutes"),
    "step after the end": (SINK, f"{SINK}\ntimeline: [{{at: 3 minutes, do: join}}]"),
    "unknown step": (SINK, f"{SINK}\ntimeline: [{{at: 1 s, do: dance}}]"),
    "step without effect": (SINK, f"{SINK}\ntimeline: [{{at: 1 s, do: leave}}]"),
    "control longer than the run": ("control_waits_at_least: 30 s", "control_waits_at_least: 3 minutes"),
    "a control that cannot starve": ("backlog: 2000\n    traffic: 20 every 500 ms", "backlog: 10\n    traffic: 1 every 500 ms"),
    "no low-volume topic": ("volume: low", "volume: high"),
    "Kafka's own rule": (CONSUMER, f"{CONSUMER}\n  max_poll_interval_ms: 1000"),
    "endless poll": (CONSUMER, "poll_interval_ms: 99999999999999999999"),
    "half a character": (SINK, f'{SINK}\n"\\ud800": 1'),
    "half a character in a text": ("title:", 'title: "\\ud800" #'),
    "empty title": ("title:", 'title: "" #'),
    "a key that is a list": (SINK, f"{SINK}\n? [a]\n: b"),
}  # fmt: skip


@pytest.mark.parametrize("row", WRONG)
def test_a_wrong_file_is_refused(row: str, tmp_path: Path, snapshot: SnapshotAssertion):
    right, wrong = WRONG[row]
    text = SPECIFIED.read_text("utf-8")
    assert right in text
    file = tmp_path / "wrong.yaml"
    file.write_text(text.replace(right, wrong, 1), "utf-8")
    with pytest.raises(ScenarioError) as error:
        load_scenario(file)
    assert str(error.value) == snapshot


BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
NO_SCENARIO = {
    "empty": b"",
    "only a comment": b"# nothing\n",
    "not UTF-8": b"title: \xff",
    "a list": b"- title: x",
    "too large": b"x" * 50_001,
    "YAML bomb": BOMB.encode(),
    "a tag": b"title: !!python/object/apply:os.system [id]",
    "too deep": b"[" * 5_000,
    "two documents": b"a: 1\n---\nb: 1\n",
    "a stray bracket": b"title: [x\n",
    "a tab": b"a:\n\tb: 1",
    "binary": b"title: \x00\x01",
}  # fmt: skip


@pytest.mark.parametrize("row", NO_SCENARIO)
def test_what_is_no_scenario_at_all_is_refused_at_once(row: str, tmp_path: Path, snapshot: SnapshotAssertion):
    content = NO_SCENARIO[row]
    file = tmp_path / "wrong.yaml"
    file.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ScenarioError) as error:
            load_scenario(file)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(error.value) == snapshot
    assert most_bytes < 20_000_000


@pytest.mark.parametrize(
    "path",
    ["none.yaml", ".", "/dev/zero", "x" * 300],
    ids=["missing", "a folder", "a device", "impossible name"],
)
def test_what_is_no_file_is_refused(path: str, tmp_path: Path, snapshot: SnapshotAssertion):
    with pytest.raises(ScenarioError) as error:
        load_scenario(tmp_path / path)
    assert str(error.value) == snapshot


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


def test_of_many_mistakes_twenty_are_told_and_the_rest_counted(tmp_path: Path, snapshot: SnapshotAssertion):
    file = tmp_path / "wrong.yaml"
    file.write_text(SPECIFIED.read_text("utf-8") + "".join(f"key{n}: 1\n" for n in range(30)), "utf-8")
    with pytest.raises(ScenarioError) as error:
        load_scenario(file)
    lines = str(error.value).split("\n")
    assert len(lines) == 21
    assert lines[-1] == snapshot
