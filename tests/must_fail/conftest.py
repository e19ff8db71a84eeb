"""Prints the kill table at the end of `pytest tests/must_fail`."""

import pytest

KILL_TABLE = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[KILL_TABLE] = []


@pytest.fixture
def kill_table(request: pytest.FixtureRequest) -> list[str]:
    """Lines to be printed after the tests."""
    return request.config.stash[KILL_TABLE]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[KILL_TABLE]:
        terminalreporter.write_line(line)
