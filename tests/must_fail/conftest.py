"""Prints the kill table at the end of `pytest tests/must_fail`."""

from collections.abc import Callable

import pytest

KILL_TABLE = "kill table"


@pytest.fixture
def kill_table(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a text that is printed after all tests, from whichever worker the test runs in."""
    return lambda text: record_property(KILL_TABLE, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                for name, text in report.user_properties:
                    if name == KILL_TABLE:
                        terminalreporter.write_line(str(text))
