"""Fixtures of all tests."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fairpoll.base.errors import ClusterError
from fairpoll.cluster.compose.cli import find_compose
from fairpoll.cluster.compose.engine import engine
from fairpoll.cluster.leftovers import Registry

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests note what they start in a place of their own, apart from real runs on this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.close()


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion, tmp_path: Path) -> SnapshotAssertion:
    """Exact texts, kept in `__snapshots__`; `pytest -n 0 --snapshot-update` rewrites them for review.

    {tmp} stands for the test's own folder, {checkout} for the repository's.
    """

    def without_folders(data: object, path: object) -> object:
        if not isinstance(data, str):
            return data
        return data.replace(str(tmp_path), "{tmp}").replace(str(CHECKOUT), "{checkout}")

    return snapshot.with_defaults(matcher=without_folders)


@functools.cache
def _no_docker() -> str:
    """Why tests marked `docker` cannot run here; "" where they can."""
    try:
        find_compose()
        with engine():
            return ""
    except ClusterError as reason:
        return str(reason)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with the reason in the summary; CI deselects them instead and says so itself."""
    if item.get_closest_marker("docker") and (reason := _no_docker()):
        pytest.skip(reason)
