"""Fixtures of all tests."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from syrupy.assertion import SnapshotAssertion

from fairpoll.base.errors import ClusterError
from fairpoll.cluster.compose.cli import find_compose
from fairpoll.cluster.compose.engine import engine
from fairpoll.cluster.leftovers import Registry

TESTS = Path(__file__).parent
CHECKOUT = TESTS.parent


# The same examples in every run; `--hypothesis-profile default` searches on.
settings.register_profile("fixed", derandomize=True, database=None)
settings.load_profile("fixed")


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


# Long before short, so that the short ones fill what time the workers have left.
ORDER = {"must_fail": 1, "installed": 2, "suites": 3, "clusters": 4, "bad_input": 5, "project": 6, "unit": 7}
# Two runs on a broker at a time: more would take so much of two cores that they are inconclusive.
WORKERS = 2


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Folders run in several workers, since most tests wait; files that are named run in this process."""
    return 0 if all(".py" in argument for argument in config.args) else WORKERS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders with long tests first. A file runs in one worker (`--dist loadfile`), with its fixtures."""
    items.sort(key=lambda item: ORDER.get(item.path.relative_to(TESTS).parts[0], 0))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with the reason in the summary; CI deselects them instead and reports it itself."""
    if item.get_closest_marker("docker") and (reason := _no_docker()):
        pytest.skip(reason)
