"""Fixtures of all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fairpoll.cluster.leftovers import Registry


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests note what they start in a place of their own, apart from real runs on this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.close()
