"""A run that is recorded leaves nothing on the cluster, and is long enough to prove something."""

import json
from pathlib import Path

import pytest

from fairpoll.base.errors import ConsumerError, ScenarioError
from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.league.command import LeagueOptions, run_league
from fairpoll.run.recorder import Recorder
from fairpoll.scenarios.packaged import find_scenario


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
