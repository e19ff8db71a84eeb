"""Wrong arguments in suites: refused by `robot --dryrun` where it can know, and else at once.

Each row is a Robot test of its own; all rows of a table are run by one Robot.
"""

import json
from html import escape
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keyword_rows import messages

ROOT = Path(__file__).parents[2]
SCENARIOS = ", ".join(sorted(path.name for path in (ROOT / "resources" / "scenarios").glob("*.yaml")))

MEET = "Delivery Should Meet    {}    {}    20    -    {}"
WAIT = "Oldest Message Should Wait At Most    async    low    {}"


HOSTILE = "<img src=x onerror=x()>"

# Each row is a step; its test fails with the message in the snapshot.
DRY = {
    "1 for a share": MEET.format("async", "1 000", "1"),
    "a share above all": MEET.format("async", "1 000", "101%"),
    "a negative share": MEET.format("async", "1 000", "-1%"),
    "half a record": MEET.format("async", "1.5", "1%"),
    "a decimal comma": MEET.format("async", "1,5", "1%"),
    "negative records": MEET.format("async", "-5", "1%"),
    "records without end": MEET.format("async", "9" * 13, "1%"),
    "unknown mode": MEET.format("turbo", "1 000", "1%"),
    "a missing cell": "Delivery Should Meet    async    1 000    20    -",
    "a negative time": WAIT.format("-5 seconds"),
    "no time": WAIT.format("0 seconds"),
    "an unknown unit": WAIT.format("5 parsecs"),
    "time nan": WAIT.format("nan"),
    "a negative silence": "Consumer Should Not Stall    async    -1 s",
    "percentile 0": "Latency Should Be At Most    async    low    0    2 s",
    "percentile 101": "Latency Should Be At Most    async    low    101    2 s",
    "negative memory": "Memory Should Stay Below    async    -1",
    "times nan": "Oldest Message Should Wait At Most Times Solo    async    low    nan",
    "throughput without percent": "Throughput Should Be At Least    async    95    of=sync",
    "throughput of whom": "Throughput Should Be At Least    async    95%    of=turbo",
    "three and a half brokers": "Ensure Cluster    mock    brokers=3.5",
    "brokers a word": "Ensure Cluster    mock    brokers=two",
    "keep perhaps": "Ensure Cluster    mock    keep=perhaps",
    "speed a word": "Run Scenario    speed=fast",
    "an unknown criterion": "Finding Should Be As Known    async    nothing_losst    pass",
    "solo of a topic": "Oldest Message Should Wait At Most Times Solo    async    hot    4",
    "a topic that is not there": WAIT.replace("low", "medium").format("5 s"),
    "a fault of a topic that is not there": "Kill The Leader Of quite",
    "a topic that acts": WAIT.replace("low", HOSTILE).format("5 s"),
}  # fmt: skip

# A test that names a wrong scenario fails with this, dry or not, and no cluster is started.
SCENARIO = {
    "rate without unit": "[Metadata]    Scenario    wrong.yaml\n    No Operation",
    "no such scenario": "[Metadata]    Scenario    none.yaml\n    No Operation",
    "a cluster": "Ensure Cluster    mock",
}  # fmt: skip

RUN = "Run Scenario    {}"
# In this order: the mock cluster comes up in the middle.
AT_ONCE = {
    "unknown cluster": "Ensure Cluster    nonsense",
    "two brokers": "Ensure Cluster    mock    brokers=2",
    "external without address": "Ensure Cluster    external",
    "external at a web page": "Ensure Cluster    external    bootstrap_servers=http://localhost",
    "nothing run yet": WAIT.format("5 s"),
    "no cluster yet": RUN.format("sync"),
    "a cluster": "Ensure Cluster    mock",
    "no such mode": RUN.format("turbo"),
    "speed 0": RUN.format("speed=0"),
    "speed nan": RUN.format("speed=nan"),
    "speed inf": RUN.format("speed=inf"),
    "speed that never ends": RUN.format("speed=0.0001"),
    "speed too high": RUN.format("speed=1000"),
    "unclosed quote": RUN.format("consumer=my 'consumer"),
    "empty command": RUN.format("consumer=''"),
    "a recording": "Take A Hand Written Recording",
    "no criterion": "Delivery Should Meet    async    -    -    -    -",
    "a mode that was not run": "Order Should Be Kept    sync",
}  # fmt: skip


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return messages(DRY, tmp_path_factory.mktemp("dry"), "--dryrun")


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("once")
    return {
        row: message.replace(str(folder), "${TEMPDIR}") for row, message in messages(AT_ONCE, folder).items()
    }


@pytest.mark.parametrize("options", [["--dryrun"], []], ids=["dry", "real"])
def test_a_wrong_scenario_is_refused_before_a_cluster_is_started(
    options: list[str], tmp_path: Path, snapshot: SnapshotAssertion
):
    texts = messages(SCENARIO, tmp_path, *options, scenario="")
    wrong, missing, cluster = (texts[row] for row in SCENARIO)
    assert (wrong, missing.replace(SCENARIOS, "{scenarios}")) == snapshot(name="messages")
    both = f"{wrong}\n{missing}"
    # The cluster's own test names no scenario: dry, there is nothing to fail it with.
    assert cluster == ("" if options else both)
    summary = tmp_path / "summary.html"
    assert summary.exists() != bool(options)
    if not options:
        assert all(escape(line) in summary.read_text("utf-8") for line in both.splitlines())
        assert json.loads((tmp_path / "verdict.json").read_text("utf-8"))["verdict"] == "inconclusive"


@pytest.mark.parametrize("row", DRY)
def test_a_dry_run_refuses_it(row: str, dry: dict[str, str], snapshot: SnapshotAssertion):
    assert dry[row] == snapshot


@pytest.mark.parametrize("row", AT_ONCE)
def test_it_is_refused_at_once(row: str, at_once: dict[str, str], snapshot: SnapshotAssertion):
    assert at_once[row] == snapshot
