"""How a fault is injected, undone and recorded, on a cluster that only takes notes."""

import contextlib
from types import SimpleNamespace
from typing import Any, get_args
from unittest.mock import MagicMock

import pytest

from fairpoll.base.errors import ClusterError, ClusterUnavailableError, FairpollError
from fairpoll.cluster import KINDS
from fairpoll.cluster.base import BrokerFault
from fairpoll.cluster.compose import faults as compose
from fairpoll.run.faults import FAULTS, FaultType, Scene

BY_NAME = {fault.name: fault for fault in FAULTS}
OF_BROKERS = [fault for fault in FAULTS if fault.needs]
VALUES: dict[str, Any] = {"topic": "quiet", "mode": "async", "number": 2, "delay": 0.2, "time": 6.0}


def scene(kind: str = "local", ended: Exception | None = None) -> tuple[Scene, list[Any], list[Any]]:
    """The scene, what its cluster is asked for, and the recorded faults; broker 2 leads every topic."""
    asked: list[Any] = []
    recorded: list[Any] = []
    faults = SimpleNamespace(
        down=set(),
        inject=lambda fault, node, seconds: asked.append((fault, node, seconds)),
        heal=lambda node: asked.append(("heal", node)),
    )
    experiment = SimpleNamespace(
        members={},
        cluster=SimpleNamespace(kind=kind, faults=faults if kind in ("local", "compose") else None),
        topic_names={"quiet": "quiet.1"},
        groups={"async": "fairpoll.async.1"},
        note_fault=lambda target, what, since, until: recorded.append((target, what, until is not None)),
    )
    running = SimpleNamespace(experiment=experiment, let_run=MagicMock(side_effect=ended))
    admin = SimpleNamespace(leader=lambda _topic, _partition: 2, coordinator=lambda _group: 2)
    return Scene(running, lambda: admin), asked, recorded  # type: ignore[arg-type]


def inject(place: Scene, fault: FaultType) -> str:
    return place.inject(fault, **{name: VALUES[name] for name in fault.arguments})


@pytest.mark.parametrize("fault", OF_BROKERS, ids=lambda fault: fault.name)
def test_a_fault_that_lasts_is_healed_and_another_is_not(fault: FaultType):
    place, asked, recorded = scene()
    what = inject(place, fault)
    lasts = "time" in fault.arguments
    assert asked[0] == (fault.needs, 2, 0.2 if "delay" in fault.arguments else 0.0)
    assert asked[1:] == ([("heal", 2)] if lasts else [])
    assert recorded == [(fault.target, what, lasts)]
    assert what.endswith(", for 6 s") is lasts


def test_a_fault_is_healed_when_the_scenario_ends_meanwhile():
    place, asked, recorded = scene(ended=ClusterError("broker 1 ended on its own"))
    with pytest.raises(ClusterError, match="ended on its own"):
        inject(place, BY_NAME["isolate_the_leader_of_for"])
    assert asked == [("isolate", 2, 0.0), ("heal", 2)]
    assert recorded == []


def test_a_fault_that_this_kind_of_cluster_does_not_have_is_not_injected():
    place, asked, _ = scene("compose")
    with pytest.raises(ClusterUnavailableError, match="CLUSTER:compose has no fault 'delay'; run with "):
        inject(place, BY_NAME["delay_the_leader_of_by_for"])
    assert asked == []


def test_brokers_that_are_not_ours_have_no_faults():
    place, _, _ = scene("external")
    with pytest.raises(FairpollError, match="needs three local brokers: run with BROKERS:3 on CLUSTER:"):
        inject(place, BY_NAME["kill_the_leader_of"])


@pytest.mark.parametrize("fault", get_args(BrokerFault))
def test_the_engine_injects_what_the_row_of_compose_promises_and_heals_it(
    fault: BrokerFault, monkeypatch: pytest.MonkeyPatch
):
    container = MagicMock(status="paused" if fault == "freeze" else "running")
    container.attrs = {"NetworkSettings": {"Networks": {"net": {"Aliases": ["kafka-2"]}}}}
    network = container.client.networks.get.return_value
    monkeypatch.setattr(compose, "engine", contextlib.nullcontext)
    monkeypatch.setattr(compose, "containers_of", lambda _client, _project: [container])
    monkeypatch.setattr(compose, "service_of", lambda _container: "kafka-2")
    faults = compose.ComposeFaults("project")
    if fault not in KINDS["compose"].injects:
        with pytest.raises(ClusterError, match="is not possible between containers"):
            faults.inject(fault, 2)
        return
    faults.inject(fault, 2)
    faults.heal(2)
    done = {
        "kill": [container.kill],
        "stop": [container.stop],
        "freeze": [container.pause, container.unpause],
        "isolate": [network.disconnect, network.connect],
    }[fault]
    assert [step.call_count for step in done] == [1] * len(done)
    assert faults.down == ({2} if fault in ("kill", "stop") else set())
    faults.start(2)
    assert faults.down == set()
