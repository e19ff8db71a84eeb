"""Topics with fixed names: what the names are, and how messages of other producers are left out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fairpoll.base.errors import ScenarioError
from fairpoll.checkers import judge
from fairpoll.contract.events import dump
from fairpoll.contract.output_fields import OUR_FIELDS
from fairpoll.evidence import layout
from fairpoll.evidence.deliveries import DeliveryColumns
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.evidence.records import Messages
from fairpoll.evidence.shared import SharedTopics
from fairpoll.run.awaited import Awaited
from fairpoll.run.names import group_names, topic_names
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import REVERSED, WRITTEN
from histories import SCENARIO
from recordings import SCENARIO as SMALL
from recordings import START_MS, TOPIC, Sizes, write_recording

FOREIGN = SharedTopics("r", {("t", 0): 10, ("t", 1): 0}, {("t", 0): 16}, {("t", 0): np.array([12, 13])})


def test_a_fixed_name_gets_neither_prefix_nor_run_id():
    first, *others = SCENARIO.topics
    scenario = replace(SCENARIO, topics=(replace(first, fixed_name="prod.orders"), *others))
    names = topic_names(scenario, ".r1", "team-a.")
    assert names == {first.name: "prod.orders", **{t.name: f"team-a.{t.name}.r1" for t in others}}
    assert scenario.orders == replace(scenario, names=REVERSED).orders == (WRITTEN,)


def test_the_fixed_group_is_that_of_the_consumer_under_test():
    assert group_names(["sync", "mine"], "r1", fixed="g") == {"sync": "fairpoll.r1.sync", "mine": "g"}
    assert group_names(["sync"], "r1", "team-a.", "g") == {"sync": "team-a.r1.sync"}
    with pytest.raises(
        ScenarioError, match="group g is for one consumer, and the run has 2 beside the control"
    ):
        group_names(["sync", "mine", "yours"], "r1", fixed="g")


def test_runs_with_a_fixed_group_come_one_after_the_other():
    assert SCENARIO.may_run_beside_others
    assert not replace(SCENARIO, group="g").may_run_beside_others


@pytest.mark.parametrize(
    ("record", "foreign"),
    [
        (("t", 0, 9), True),  # before the run
        (("t", 0, 10), False),
        (("t", 0, 11), False),
        (("t", 0, 12), True),
        (("t", 0, 13), True),
        (("t", 0, 14), False),
        (("t", 1, 0), False),
        (("other", 0, 3), False),  # not a shared topic
    ],
)
def test_a_record_is_foreign_before_the_begin_or_if_it_was_read_as_such(record, foreign: bool):
    assert FOREIGN.is_foreign(record) == foreign


def test_foreign_deliveries_are_left_out_of_every_column_and_counted():
    messages = Messages([("t", 0), ("t", 1)], np.empty(0, np.int32), lambda _name: np.empty(0))
    found = DeliveryColumns(messages)
    for at, (record, text) in enumerate(
        [
            (("t", 0, 12), "theirs"),
            (("t", 0, 11), "r:t:1"),
            (("t", 0, 3), ""),
            (("", -1, -1), "someone:t:2"),  # named by its id only
            (("", -1, -1), "r:t:9"),
        ]
    ):
        found.ids[found.count] = text
        found.extend(np.array([found.number(record)]), [float(at)], [0], "t.json", "")
    assert FOREIGN.leave_out(found) == 3
    assert found.count == 2
    assert list(found.columns["at"].values) == [1.0, 4.0]
    assert found.ids == {0: "r:t:1", 1: "r:t:9"}
    assert {len(column.values) for column in found.columns.values()} == {2}


@pytest.mark.parametrize(("offset", "of_run"), [(-1, True), (0, False), (10, False), (11, True)])
def test_a_commit_counts_beyond_the_begin_of_the_run(offset: int, of_run: bool):
    assert FOREIGN.is_of_run(("t", 0), offset) == of_run


def test_a_commit_on_a_topic_of_the_run_always_counts():
    assert SharedTopics().is_of_run(("t", 0), 0)


KEYS = {
    "a name of two topics": (
        "output: low_vol.json",
        "output: low_vol.json\n    name: a.b",
        "another topic's",
    ),
    "create without a name": (
        "output: low_vol.json",
        "output: low_vol.json\n    create: no",
        "needs its `name`",
    ),
    "not a name": ("output: low_vol.json", "output: low_vol.json\n    name: ..", "'..' is not a topic name"),
    "reversed": ("duration:", "names: reversed\nduration:", "reversed cannot be: async-test-high-volume has"),
    "a reset without a group": ("duration:", "reset_group: yes\nduration:", "needs a `group`"),
}
SPECIFIED = Path(__file__).parents[2] / "resources" / "scenarios" / "specified.yaml"


@pytest.mark.parametrize("row", KEYS)
def test_wrong_keys_are_refused(row: str, tmp_path: Path):
    before, after, sentence = KEYS[row]
    named = "output: high_vol.json\n    name: a.b"
    text = SPECIFIED.read_text("utf-8").replace("output: high_vol.json", named)
    (tmp_path / "s.yaml").write_text(text.replace(before, after), "utf-8")
    with pytest.raises(ScenarioError) as error:
        load_scenario(tmp_path / "s.yaml")
    assert sentence in str(error.value)


def test_several_topics_of_a_kind_have_numbered_fixed_names(tmp_path: Path):
    text = SPECIFIED.read_text("utf-8").replace(
        "output: low_vol.json", "output: low_vol.json\n    name: a.b\n    count: 2\n    create: no"
    )
    (tmp_path / "s.yaml").write_text(text, "utf-8")
    _, *low = load_scenario(tmp_path / "s.yaml").topics
    assert [(t.fixed_name, t.create) for t in low] == [("a.b-001", False), ("a.b-002", False)]


def shared_recording(folder: Path, ranges: list[list[int]] | None, committed: int = 6) -> Path:
    """The small recording on a shared topic: its consumer delivered offsets 4 and 5, too."""
    write_recording(folder)
    facts = json.loads((folder / layout.RUN).read_text("utf-8"))
    (folder / layout.RUN).write_text(json.dumps({**facts, "begin": {"low": [0]}}), "utf-8")
    with (folder / "c" / "low_vol.json").open("a", encoding="utf-8") as output:
        for offset in (4, 5):
            where = {"topic": TOPIC, "partition": 0, "offset": offset}
            output.write(dump({**where, "delivered_ms": START_MS + 4_500, "value": {"of": "others"}}) + "\n")
    samples = folder / layout.SAMPLES
    samples.write_text(samples.read_text("utf-8").replace('"offset":4', f'"offset":{committed}'), "utf-8")
    if ranges is not None:
        where = {"topic": TOPIC, "partition": 0, "begin": 0, "end": 6, "ranges": ranges}
        event = {"timestamp": START_MS + 5_000, "name": "foreign_records", **where}
        (folder / layout.FOREIGN).write_text(dump(event) + "\n", "utf-8")
    return folder


def test_messages_of_others_are_counted_and_judged_by_no_criterion(tmp_path: Path):
    recording = load_recording(shared_recording(tmp_path, [[4, 6]]))
    finding = judge("only_acked_delivered", recording, "c")
    assert finding.status == "pass"
    assert finding.sentence == (
        "c delivered 0 records that the brokers never acked, expected none; 2 delivered records of other "
        "producers were ignored, and 2 messages of theirs came during the run"
    )
    assert finding.figures == {"count": 0, "foreign_delivered": 2, "foreign_in_topics": 2}
    for name in ("nothing_lost", "content_intact", "no_forbidden_duplicates", "commits_caught_up"):
        assert judge(name, recording, "c").status == "pass", name


def test_a_record_that_nobody_wrote_is_still_accused(tmp_path: Path):
    recording = load_recording(shared_recording(tmp_path, [[4, 5]]))
    finding = judge("only_acked_delivered", recording, "c")
    assert finding.status == "fail"
    accused = "c delivered 1 record that the brokers never acked, expected none: low/0@5"
    assert finding.sentence.startswith(accused)


def test_without_the_offsets_of_others_it_is_not_known_whose_a_record_is(tmp_path: Path):
    finding = judge("only_acked_delivered", load_recording(shared_recording(tmp_path, None)), "c")
    assert finding.status == "inconclusive"
    assert finding.sentence.startswith(
        "which records of the shared topics are other producers' is not known (the run ended early): c deliv"
    )


def test_a_commit_behind_the_end_of_a_shared_topic_is_wrong(tmp_path: Path):
    recording = load_recording(shared_recording(tmp_path, [[4, 6]], committed=9))
    assert judge("commits_caught_up", recording, "c").status == "fail"


def test_a_drain_on_a_shared_topic_waits_for_the_messages_of_the_run(tmp_path: Path):
    shared_recording(tmp_path, None)
    output = tmp_path / "c" / "low_vol.json"
    lines = output.read_text("utf-8").splitlines(keepends=True)
    output.write_text("".join(lines[:2] + lines[4:]), "utf-8")
    places = {"c": (tmp_path / "c", OUR_FIELDS)}
    counter = DeliveryCounter(tmp_path, SMALL, places, {"high": "high.r", "low": TOPIC}, Sizes())
    awaited = Awaited(tmp_path / layout.LEDGER, counter, ["c"])
    assert counter.totals() == {"c": 4}  # two of them are others'
    assert awaited.left() == {"c": 2}
    # It has passed the last message: later records of others are not counted as progress.
    assert awaited.progress("c", 4) == awaited.progress("c", 5) == -2


def test_until_the_last_message_is_passed_records_of_others_are_progress(tmp_path: Path):
    shared_recording(tmp_path, None)
    output = tmp_path / "c" / "low_vol.json"
    output.write_text("".join(output.read_text("utf-8").splitlines(keepends=True)[:2]), "utf-8")
    places = {"c": (tmp_path / "c", OUR_FIELDS)}
    counter = DeliveryCounter(tmp_path, SMALL, places, {"high": "high.r", "low": TOPIC}, Sizes())
    awaited = Awaited(tmp_path / layout.LEDGER, counter, ["c"])
    assert counter.totals() == {"c": 2}
    assert awaited.left() == {"c": 2}
    assert (awaited.progress("c", 2), awaited.progress("c", 3)) == (2, 3)
