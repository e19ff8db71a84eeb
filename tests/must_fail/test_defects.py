"""Every defective consumer is caught by the criterion that it violates, and every correct one passes.

`pytest tests/must_fail` runs all of them on the mock and on a real broker and prints the kill table;
`pytest tests/must_fail -m "not local"` needs no Java.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from robot.api import ExecutionResult

import fairpoll
from fairpoll.checkers import CRITERIA, RUN_CRITERIA
from fairpoll.keywords.judging import INCONCLUSIVE
from fairpoll.reports.tables import text_table
from histories import row
from kill_table import kills

HERE = Path(__file__).parent
# A table of which the machine has spoilt a run, so that rows are inconclusive, is made again; each try is
# printed. A row that is wrong is never tried again. `.ci/kill-tables` allows one try.
TRIES = int(os.environ.get("FAIRPOLL_KILL_TABLE_TRIES", "3"))
# The names of the suites whose rows are made, separated by spaces; all by default.
ONLY = os.environ.get("FAIRPOLL_KILL_TABLE_SUITES", "").split()
CONSUMERS = HERE / "consumers.py"
SUITES = HERE.parent.parent / "suites"


def run_robot(
    output: Path, suite: Path, *variables: str, excluded: Sequence[str] = (), only: Sequence[str] = ()
) -> dict[str, tuple[bool, str]]:
    """Run a suite: test -> passed, message."""
    command = [sys.executable, "-m", "robot", "--console", "none", "--outputdir", str(output)]
    command += [word for variable in variables for word in ("--variable", variable)]
    command += [word for tag in excluded for word in ("--exclude", tag)]
    command += [word for name in only for word in ("--suite", name)]
    subprocess.run([*command, str(suite)], check=False, timeout=600)
    tests = ExecutionResult(output / "output.xml").suite.all_tests
    return {test.full_name: (test.passed, test.message) for test in tests}


def test_every_criterion_of_the_registry_has_a_killer():
    assert {kill.criterion for kill in kills()} == {*CRITERIA, *RUN_CRITERIA}


def test_no_private_attribute_of_the_package_is_touched():
    """A broken consumer overrides documented methods, so that a change inside the package breaks none."""
    package = Path(fairpoll.__file__).parent / "consumers"
    private = {
        name
        for module in package.glob("*.py")
        for name in re.findall(r"\b(?:self\.|def )(_[a-z]\w*)", module.read_text("utf-8"))
    }
    assert len(private) > 10
    touched = {
        (module.name, node.attr)
        for module in HERE.glob("*.py")
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in private
    }
    assert touched == set()


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["mock", pytest.param("local", marks=pytest.mark.local)])
def test_every_defect_is_caught_and_every_control_passes(
    cluster: str, tmp_path: Path, kill_table: Callable[[str], None]
):
    excluded = ["real-broker"] if cluster == "mock" else []
    for attempt in range(1, TRIES + 1):
        folder, variable = tmp_path / str(attempt), f"CLUSTER:{cluster}"
        results = run_robot(folder, HERE / "suites", variable, excluded=excluded, only=ONLY)
        rows = json.loads((tmp_path / str(attempt) / "kill_table.json").read_text("utf-8"))
        caught = sum(row["status"] == "pass" for row in rows)
        kill_table(f"\nKill table on {cluster}, try {attempt}: {caught} of {len(rows)} as they should be")
        kill_table(text_table([row(r["consumer"], r["expected"], r["measured"], r["status"]) for r in rows]))
        failed = {name: message for name, (passed, message) in results.items() if not passed}
        if not failed or not all(message.startswith(INCONCLUSIVE) for message in failed.values()):
            break
    assert failed == {}
    if not ONLY:
        assert sum(row["expected"] != "passes everything" for row in rows) >= 20
        assert sum(row["expected"] == "passes everything" for row in rows) >= 3


@pytest.mark.slow
def test_arrival_order_fails_the_expected_results_with_one_sentence(tmp_path: Path):
    """The fair consumer with its turns replaced by plain arrival order, through the suites themselves."""
    command = f"CONSUMER:{sys.executable} {CONSUMERS} 'arrival order'"
    arguments = ("CLUSTER:mock", "SPEED:10", command)
    failed: dict[str, str] = {}
    for file in ("10__expected_results", "20__starvation"):
        results = run_robot(tmp_path / file, SUITES / f"{file}.robot", *arguments)
        failed |= {name.split(".")[-1]: message for name, (passed, message) in results.items() if not passed}
    assert set(failed) == {
        "Async Polling Serves Both",
        "Async Should Serve The Low-Volume Topic Within 5 Seconds",
        "Async Should Deliver Every Low-Volume Message That Is Due",
    }
    row = failed["Async Polling Serves Both"]
    assert row.startswith("2 of 3 criteria not met; evidence: ")
    few = r"consumers.py delivered \d of 40 acked messages of async-test-low-volume \(.*%\)"
    assert re.search(f"{few}, expected at least 20", row)
    waiting = failed["Async Should Serve The Low-Volume Topic Within 5 Seconds"]
    assert "(still waiting at the end) wait" in waiting
