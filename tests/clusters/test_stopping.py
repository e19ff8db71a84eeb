"""The end of a run: everything that it started is stopped, whatever fails on the way."""

from pathlib import Path
from typing import NoReturn
from unittest.mock import MagicMock

import psutil
import pytest

from fairpoll.cluster import ClusterOptions
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.leftovers import Registry, state_folder
from fairpoll.cluster.mock.cluster import MockCluster
from fairpoll.keywords import results, session
from fairpoll.keywords.results import Results
from fairpoll.keywords.session import Session


def fails(*_arguments: object) -> NoReturn:
    raise OSError("cannot be stopped")


def test_everything_is_stopped_in_reverse_order_and_the_error_is_raised_at_the_end():
    stopped: list[str] = []
    registry = Registry()
    registry.at_end(stopped.append, "first")
    registry.at_end(fails)
    registry.at_end(stopped.append, "last")
    with pytest.raises(OSError, match="cannot be stopped"):
        registry.close()
    assert stopped == ["last", "first"]
    assert len(list(state_folder().glob("*.json"))) == 1  # a later run clears what may be left


def test_what_was_stopped_is_not_stopped_again():
    stopped: list[str] = []
    with Registry() as registry:
        registry.at_end(stopped.append, "once")
    registry.close()
    assert stopped == ["once"]
    assert list(state_folder().glob("*.json")) == []


@pytest.mark.parametrize(
    ("target", "name"),
    [(Session, "abort"), (Results, "close"), (Admin, "close"), (MockCluster, "delete")],
    ids=["the scenario", "the summary", "the admin client", "the topics"],
)
def test_a_session_stops_its_cluster_whatever_fails_before(
    target: type, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for module in (session, results):
        monkeypatch.setattr(module, "BuiltIn", MagicMock())
    monkeypatch.setattr(Results, "folder", tmp_path)
    monkeypatch.setattr(Results, "open", lambda _results: None)
    monkeypatch.setattr(target, name, fails)
    ended = Session()
    cluster = ended.ensure_cluster("mock", ClusterOptions(tmp_path / "logs"))
    ended.admin()
    (broker,) = psutil.Process().children()
    try:
        with pytest.raises(OSError, match="cannot be stopped"):
            ended.close()
        assert not broker.is_running()
        assert ended.cluster is None
    finally:
        cluster.stop()
