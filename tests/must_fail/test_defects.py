"""Every defect is caught by the suites, by name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from robot.api import ExecutionResult

ROOT = Path(__file__).parent.parent.parent
CONSUMERS = Path(__file__).parent / "consumers.py"


def failures(tmp_path: Path, defect: str) -> dict[str, str]:
    """Run the suites with this defect in place of the async consumer: failed test -> its message."""
    command = [sys.executable, "-m", "robot", "--console", "none", "--outputdir", str(tmp_path)]
    command += ["--variable", "CLUSTER:mock", "--variable", "SPEED:10"]
    command += ["--variable", f"ASYNC_COMMAND:{sys.executable} {CONSUMERS} {defect}", str(ROOT / "suites")]
    subprocess.run(command, check=False, timeout=300)
    found: dict[str, str] = {}
    for suite in ExecutionResult(tmp_path / "output.xml").suite.suites:
        found |= {test.name: test.message for test in suite.tests if not test.passed}
    return found


@pytest.mark.slow
def test_arrival_order_fails_the_async_row_with_one_sentence(tmp_path: Path):
    failed = failures(tmp_path, "arrival_order")
    assert set(failed) == {
        "Async Polling Serves Both",
        "Async Should Serve The Low-Volume Topic Within 5 Seconds",
        "Async Should Deliver Every Low-Volume Message That Is Due",
    }
    row = failed["Async Polling Serves Both"]
    assert row.startswith("2 of 3 criteria not met; evidence: ")
    few = r"async delivered \d of 40 acked messages of async-test-low-volume \(.*%\), expected at least 20"
    assert re.search(few, row)
    waiting = failed["Async Should Serve The Low-Volume Topic Within 5 Seconds"]
    assert "(still waiting at the end) wait" in waiting
