"""A run that is recorded leaves nothing on the cluster, and is long enough to prove something."""

import json
from pathlib import Path

import pytest

from fairpoll.base.errors import ClusterError, ConsumerError, ScenarioError
from fairpoll.checkers import judge
from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.league.command import LeagueOptions, run_league
from fairpoll.run.recorder import Recorder
from fairpoll.scenarios.packaged import find_scenario

BOTH = [Subject.built_in("sync"), Subject.built_in("async")]


def test_topics_and_groups_are_deleted_also_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    deleted: list[list[str]] = []
    with Registry() as registry:
        cluster = open_cluster("mock", ClusterOptions(tmp_path / "cluster"), registry, warn=print)
        monkeypatch.setattr(cluster, "delete", lambda *names: deleted.extend(map(sorted, names)))
        ends_at_once = Subject("mine", ("false",))
        with (
            pytest.raises(ConsumerError, match="ended on its own"),
            Recorder(cluster, tmp_path, registry) as recorder,
        ):
            recorder.record("A run", find_scenario("overload.yaml"), 2, [ends_at_once])
    (folder,) = tmp_path.glob("a-run-*")
    facts = json.loads((folder / layout.RUN).read_text("utf-8"))
    assert deleted == [sorted(facts["topics"].values()), sorted(facts["groups"].values())]


def test_a_speed_that_leaves_too_little_traffic_is_rejected_before_a_cluster_is_started(tmp_path: Path):
    scenario = find_scenario("specified.yaml")
    options = LeagueOptions("local", "", 25, (), 4, tmp_path, Path("examples"), scenario)
    with pytest.raises(ScenarioError, match="SPEED is 25; at most 24 here"):
        run_league(options, [])
    assert list(tmp_path.iterdir()) == []


FIXED_BY_RUN = """
title: A fixed name that the first run creates
duration: 5 s
sink: 200 per second
group: fixed-group
topics:
  orders:
    {volume: high, partitions: 2, backlog: 20, traffic: 2 every 100 ms, output: o.json, name: prod.orders}
  alerts: {volume: low, partitions: 1, traffic: 1 every 500 ms, output: a.json}
"""


@pytest.mark.slow
def test_a_second_run_begins_where_the_first_one_ended(tmp_path: Path):
    (tmp_path / "fixed.yaml").write_text(FIXED_BY_RUN, "utf-8")
    with Registry() as registry:
        options = ClusterOptions(tmp_path / "cluster", prefix="team-a.")
        cluster = open_cluster("mock", options, registry, warn=print)
        recorder = Recorder(cluster, tmp_path, registry)
        runs = [recorder.prepare("r", tmp_path / "fixed.yaml", 1.0, BOTH) for _ in range(2)]
        for run in runs:
            run.run()
        # The topic is the first run's to delete; the group is nobody's.
        for run, created in zip(runs, (True, False), strict=True):
            topics, groups = run.deletable
            assert ("prod.orders" in topics) == created
            assert f"team-a.alerts.{run.run_id}" in topics
            assert groups == [f"team-a.{run.run_id}.sync"]
    first, second = (load_recording(run.folder) for run in runs)
    assert first.facts.begin == {}
    assert sum(second.facts.begin["orders"]) == sum(message.topic == "orders" for message in first.acked)
    for recording in (first, second):
        for name in ("nothing_lost", "only_acked_delivered", "no_forbidden_duplicates"):
            for consumer in ("sync", "async"):
                finding = judge(name, recording, consumer)
                assert finding.status == "pass", finding.sentence


def test_a_prefix_that_cannot_begin_a_name_is_refused(tmp_path: Path):
    with Registry() as registry, pytest.raises(ClusterError, match="PREFIX: 'a b' cannot begin the name of"):
        open_cluster("mock", ClusterOptions(tmp_path, prefix="a b"), registry, warn=print)
