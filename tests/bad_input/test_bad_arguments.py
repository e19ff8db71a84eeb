"""Wrong arguments in suites: refused by `robot --dryrun` where it can know, and else at once.

Each row is a Robot test of its own; all rows of a table are run by one Robot.
"""
# ruff: noqa: E501 - a row is read as a line

import json
from html import escape
from pathlib import Path

import pytest

from keyword_rows import messages

ROOT = Path(__file__).parents[2]
SCENARIOS = ", ".join(sorted(path.name for path in (ROOT / "resources" / "scenarios").glob("*.yaml")))

MEET = "Delivery Should Meet    {}    {}    20    -    {}"
WAIT = "Oldest Message Should Wait At Most    async    low    {}"


def no(argument: str, value: str, kind: str, told: str) -> str:
    return f"ValueError: Argument '{argument}' got value '{value}' that cannot be converted to {kind}: {told}"


NO_RECORDS = "'{}' is not a number of records; write 20, 1 000, or - for no criterion"
NO_SHARE = "'{}' is not a share; write it with a percent sign, for example 1%"
NO_TIME = "'{}' is not a time above 0; write for example 5 seconds"
NO_PERCENTILE = "'{}' is not a percentile; write a whole number from 1 to 100"
NO_TOPIC = "no topic '{}' in this scenario; write high, low, or one of: async-test-high-volume, async-test-low-volume"
HOSTILE = "<img src=x onerror=x()>"
NO_AMOUNT = "'{}' is not a number above 0; write for example 4"
MODES = "that cannot be converted to 'sync', 'async', 'bizon-sync', 'bizon-async' or 'yours'."

# The step, and the message of the test.
DRY = {
    "1 for a share": (MEET.format("async", "1 000", "1"), no("low_share_at_least", "1", "Share", NO_SHARE.format("1"))),
    "a share above all": (MEET.format("async", "1 000", "101%"), no("low_share_at_least", "101%", "Share", "'101%' is not a share of a whole; write from 0% to 100%")),
    "a negative share": (MEET.format("async", "1 000", "-1%"), no("low_share_at_least", "-1%", "Share", NO_SHARE.format("-1%"))),
    "half a record": (MEET.format("async", "1.5", "1%"), no("high_at_least", "1.5", "Bound", NO_RECORDS.format("1.5"))),
    "a decimal comma": (MEET.format("async", "1,5", "1%"), no("high_at_least", "1,5", "Bound", NO_RECORDS.format("1,5"))),
    "negative records": (MEET.format("async", "-5", "1%"), no("high_at_least", "-5", "Bound", NO_RECORDS.format("-5"))),
    "records without end": (MEET.format("async", "9" * 13, "1%"), no("high_at_least", "9" * 13, "Bound", NO_RECORDS.format("9" * 13))),
    "unknown mode": (MEET.format("turbo", "1 000", "1%"), f"ValueError: Argument 'mode' got value 'turbo' {MODES}"),
    "a missing cell": ("Delivery Should Meet    async    1 000    20    -", "Keyword 'fairpoll.keywords.VerdictLibrary.Delivery Should Meet' expected 5 arguments, got 4."),
    "a negative time": (WAIT.format("-5 seconds"), no("budget", "-5 seconds", "Duration", NO_TIME.format("-5 seconds"))),
    "no time": (WAIT.format("0 seconds"), no("budget", "0 seconds", "Duration", NO_TIME.format("0 seconds"))),
    "an unknown unit": (WAIT.format("5 parsecs"), no("budget", "5 parsecs", "Duration", NO_TIME.format("5 parsecs"))),
    "time nan": (WAIT.format("nan"), no("budget", "nan", "Duration", NO_TIME.format("nan"))),
    "a negative silence": ("Consumer Should Not Stall    async    -1 s", no("silence", "-1 s", "Duration", NO_TIME.format("-1 s"))),
    "percentile 0": ("Latency Should Be At Most    async    low    0    2 s", no("percentile", "0", "Percentile", NO_PERCENTILE.format("0"))),
    "percentile 101": ("Latency Should Be At Most    async    low    101    2 s", no("percentile", "101", "Percentile", NO_PERCENTILE.format("101"))),
    "negative memory": ("Memory Should Stay Below    async    -1", no("mebibytes", "-1", "Amount", NO_AMOUNT.format("-1"))),
    "times nan": ("Oldest Message Should Wait At Most Times Solo    async    low    nan", no("times", "nan", "Amount", NO_AMOUNT.format("nan"))),
    "throughput without percent": ("Throughput Should Be At Least    async    95    of=sync", no("share", "95", "Share", NO_SHARE.format("95"))),
    "throughput of whom": ("Throughput Should Be At Least    async    95%    of=turbo", f"ValueError: Argument 'of' got value 'turbo' {MODES}"),
    "three and a half brokers": ("Ensure Cluster    mock    brokers=3.5", "ValueError: Argument 'brokers' got value '3.5' that cannot be converted to integer or None."),
    "brokers a word": ("Ensure Cluster    mock    brokers=two", "ValueError: Argument 'brokers' got value 'two' that cannot be converted to integer or None."),
    "keep perhaps": ("Ensure Cluster    mock    keep=perhaps", "ValueError: Argument 'keep' got value 'perhaps' that cannot be converted to 'yes' or 'no'."),
    "speed a word": ("Run Scenario    specified.yaml    speed=fast", "ValueError: Argument 'speed' got value 'fast' that cannot be converted to float."),
    "an unknown criterion": ("Finding Should Be As Known    async    nothing_losst    pass", "ValueError: Argument 'criterion' got value 'nothing_losst' that cannot be converted to Criterion: 'nothing_losst' is no criterion without thresholds; one of: nothing_lost, content_intact, only_acked_delivered, right_place, no_forbidden_duplicates, order_kept, only_while_assigned, commits_never_ahead, commits_caught_up, buffers_bounded, pauses_pair_up, membership_kept, membership_lost"),
    "solo of a topic": ("Oldest Message Should Wait At Most Times Solo    async    hot    4", "ValueError: Argument 'topics' got value 'hot' that cannot be converted to 'high' or 'low'."),
    "a topic that is not there": (WAIT.replace("low", "medium").format("5 s"), no("topics", "medium", "Topics", NO_TOPIC.format("medium"))),
    "a topic to harm that is not there": ("Kill The Leader Of quite", no("topic", "quite", "Topic", NO_TOPIC.format("quite").replace("high, low, or ", ""))),
    "a topic that acts": (WAIT.replace("low", HOSTILE).format("5 s"), no("topics", HOSTILE, "Topics", NO_TOPIC.format(HOSTILE))),
}  # fmt: skip

# A scenario that is named in a suite and wrong: each test that names it fails with this, dry or not, and
# no cluster is started.
SCENARIO = {
    "rate without unit": ("Scenario Should Be Valid    ${TEMPDIR}/wrong.yaml", "${TEMPDIR}/wrong.yaml: line 3: sink: '10' has no unit. How fast the consumer's sink takes records, for example 10 per second."),
    "no such scenario": ("Run Scenario    none.yaml", f"no scenario file 'none.yaml'; in resources/scenarios there are: {SCENARIOS}"),
    "a cluster": ("Ensure Cluster    mock", ""),
}  # fmt: skip

RUN = "Run Scenario    specified.yaml    {}"
# In this order: the mock cluster comes up in the middle.
AT_ONCE = {
    "unknown cluster": ("Ensure Cluster    nonsense", "unknown cluster 'nonsense'; one of: local, mock, compose, external"),
    "two brokers": ("Ensure Cluster    mock    brokers=2", "a cluster has 1 or 3 brokers, not 2"),
    "external without address": ("Ensure Cluster    external", "CLUSTER:external needs an address: --variable BOOTSTRAP_SERVERS:host:9092"),
    "external at a web page": ("Ensure Cluster    external    bootstrap_servers=http://localhost", "BOOTSTRAP_SERVERS: 'http://localhost' is no broker's address; write host:port, several with a comma between"),
    "nothing run yet": (WAIT.format("5 s"), "no scenario has been run yet; let 'Run Both Modes On' or 'Run Scenario' be the suite's setup"),
    "no cluster yet": (RUN.format("sync"), "no cluster is running; begin with the keyword 'Ensure Cluster'"),
    "a cluster": ("Ensure Cluster    mock", ""),
    "no such mode": (RUN.format("turbo"), "unknown mode 'turbo'; one of: sync, async, bizon-sync, bizon-async, yours"),
    "speed 0": (RUN.format("speed=0"), "SPEED is 0; it must be above 0, for example 10"),
    "speed nan": (RUN.format("speed=nan"), "SPEED is nan; it must be above 0, for example 10"),
    "speed inf": (RUN.format("speed=inf"), "SPEED is inf; it must be above 0, for example 10"),
    "speed that never ends": (RUN.format("speed=0.0001"), "SPEED is 0.0001; at least 0.01"),
    "speed too high": (RUN.format("speed=1000"), "SPEED is 1000; at most 24 here: less traffic proves nothing"),
    "unclosed quote": (RUN.format("consumer=my 'consumer"), "CONSUMER cannot be read as a command: No closing quotation"),
    "empty command": (RUN.format("consumer=''"), "CONSUMER is empty; write the command, or leave the variable out"),
    "a recording": ("Take A Hand Written Recording", ""),
    "no criterion": ("Delivery Should Meet    async    -    -    -    -", "ValueError: no criterion is given; at least one of the four must be other than -"),
    "a mode that was not run": ("Order Should Be Kept    sync", "ValueError: unknown mode 'sync'; this run has: async"),
}  # fmt: skip


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return messages(DRY, tmp_path_factory.mktemp("dry"), "--dryrun")


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("once")
    return {row: told.replace(str(folder), "${TEMPDIR}") for row, told in messages(AT_ONCE, folder).items()}


@pytest.mark.parametrize("options", [["--dryrun"], []], ids=["dry", "real"])
def test_a_wrong_scenario_is_refused_before_a_cluster_is_started(options: list[str], tmp_path: Path):
    told = messages(SCENARIO, tmp_path, *options)
    expected = {row: text.replace("${TEMPDIR}", str(tmp_path)) for row, (_, text) in SCENARIO.items()}
    both = f"{expected['rate without unit']}\n{expected['no such scenario']}"
    # The cluster's own test names no scenario: dry, there is nothing to fail it with.
    expected["a cluster"] = "" if options else both
    assert told == expected
    summary = tmp_path / "summary.html"
    assert summary.exists() != bool(options)
    if not options:
        assert all(escape(line) in summary.read_text("utf-8") for line in both.splitlines())
        assert json.loads((tmp_path / "verdict.json").read_text("utf-8"))["verdict"] == "inconclusive"


@pytest.mark.parametrize("row", DRY)
def test_a_dry_run_refuses_it(row: str, dry: dict[str, str]):
    _, told = DRY[row]
    assert dry[row] == told


@pytest.mark.parametrize("row", AT_ONCE)
def test_it_is_refused_at_once(row: str, at_once: dict[str, str]):
    _, told = AT_ONCE[row]
    assert at_once[row] == told
