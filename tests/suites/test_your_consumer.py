"""A consumer of anybody's, judged by what it tells; and what Bizon is told."""

import json
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from fairpoll.base.errors import ConsumerError
from fairpoll.consumers import bizon
from fairpoll.consumers.bizon import __main__ as runner
from fairpoll.run.modes import Yours, consumer_of
from suite_runs import ROOT, SUITES, run

POLL = [sys.executable, str(ROOT / "examples" / "confluent-kafka-poll" / "consumer.py")]
SUITE = SUITES / "90__your_consumer.robot"
TOLD = {
    "FAIRPOLL_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "FAIRPOLL_GROUP": "g",
    "FAIRPOLL_TOPICS": "high.r=high_vol.json low.r=low_vol.json",
    "FAIRPOLL_MAX_POLL_RECORDS": "100",
    "FAIRPOLL_POLL_INTERVAL_MS": "50",
    "FAIRPOLL_PARTITION_PAUSE_THRESHOLD": "500",
    "FAIRPOLL_SESSION_TIMEOUT_MS": "45000",
    "FAIRPOLL_MAX_POLL_INTERVAL_MS": "300000",
}


def statuses(output: Path) -> dict[str, str]:
    """Criterion -> status, of what was judged of `yours`."""
    (judged,) = json.loads((output / "verdict.json").read_text("utf-8"))["runs"]
    return {f["check"]: f["status"] for f in judged["findings"] if f["consumer"] == "mine"}


@pytest.mark.slow
@pytest.mark.local
@pytest.mark.parametrize("tells", ["events", "nothing"])
def test_it_is_judged_by_what_it_tells_and_no_more(tells: str, tmp_path: Path):
    silent = " >/dev/null" if tells == "nothing" else ""
    command = shlex.join(["sh", "-c", f"exec {shlex.join(POLL)}{silent}"])
    variables = ["CLUSTER:local", "SPEED:10", f"CONSUMER:{command}", "CONSUMER_NAME:mine"]
    done = run(tmp_path, *(word for v in variables for word in ("--variable", v)), str(SUITE))
    assert "The Run Should Be Sound                                               | PASS |" in done.stdout
    found = statuses(tmp_path)
    # The plain loop starves; that is seen even by its commits.
    assert found["oldest_wait_at_most"] == "fail", done.stdout
    never = {"content_intact", "right_place", "buffers_bounded"}
    by_records = {
        "nothing_lost", "only_acked_delivered", "no_forbidden_duplicates", "order_kept",
        "only_while_assigned", "commits_never_ahead", "commits_caught_up",
    }  # fmt: skip
    in_doubt = {criterion for criterion in never | by_records if found[criterion] == "inconclusive"}
    assert in_doubt == (never if tells == "events" else never | by_records), done.stdout


def test_without_a_consumer_the_suite_is_skipped_with_the_reason(tmp_path: Path):
    done = run(tmp_path, "--variable", "CLUSTER:mock", str(SUITE))
    assert 'no consumer is given: run with --variable "CONSUMER:./my-consumer --flag"' in done.stdout
    assert "17 tests, 0 passed, 0 failed, 17 skipped" in done.stdout


def test_bizon_is_skipped_with_the_reason_on_the_mock(tmp_path: Path):
    done = run(tmp_path, "--variable", "CLUSTER:mock", "--include", "bizon", str(SUITES))
    assert "run with CLUSTER:local" in done.stdout or "fairpoll[bizon]" in done.stdout
    assert " 0 failed" in done.stdout


@pytest.mark.parametrize(
    ("mode", "yours", "told"),
    [
        ("yours", Yours(), "no consumer of yours is given: name its command with --variable CONSUMER:..."),
        ("yours", Yours("me", "colour=x"), "CONSUMER_FIELDS: 'colour=x' is not one of topic, partition"),
        ("yours", Yours("me", name="a b"), "CONSUMER_NAME: 'a b' is not a name; write at most 60 letters"),
        ("async", Yours("me", name="sync"), "CONSUMER_NAME: 'sync' is taken; choose another name"),
        ("fast", Yours(), "unknown mode 'fast'; one of: sync, async, bizon-sync, bizon-async, yours"),
    ],
)
def test_a_consumer_that_cannot_be_had(mode: str, yours: Yours, told: str):
    with pytest.raises(ConsumerError) as error:
        consumer_of(mode, yours)
    assert str(error.value).startswith(told)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("./my-consumer --flag", "my-consumer"),
        ("python my/consumer.py", "consumer.py"),
        ("java -jar target/mine.jar", "mine.jar"),
        ("sh -c 'exec mine >/dev/null'", "sh"),
        ("fairpoll consume --mode async", "your-async"),
        ("--odd", "yours"),
    ],
)
def test_a_consumer_is_named_by_its_command_and_called_by_its_mode(command: str, name: str):
    consumer = consumer_of("async", Yours(command))
    assert (consumer.name, consumer.mode) == (name, "async")
    assert consumer_of("yours", Yours(command, name="given")).name == "given"
    assert consumer_of("sync", Yours(command)).name == "sync"


def test_modes_and_what_stands_for_them():
    assert consumer_of("async", Yours("mine --fast")).command == ("mine", "--fast")
    assert consumer_of("sync", Yours("mine")).command != ("mine",)
    assert consumer_of("yours", Yours("mine", "id=a.b")).fields.id == "a.b"
    begun = consumer_of("bizon-async", Yours(bizon_config="my.yml"))
    assert begun.command[-4:] == ("--mode", "async", "--config", "my.yml")
    assert begun.fields == bizon.OUTPUT_FIELDS


def test_bizons_configuration_is_made_from_the_scenario_over_ones_own():
    own = {
        "name": "mine",
        "source": {"consumer_timeout": 5, "group_id": "mine", "consumer_config": {"fetch.min.bytes": 7}},
        "transforms": [{"label": "mine", "python": "pass"}],
        "engine": {"runner": {"log_level": "INFO"}},
    }
    made = runner.bizon_config("sync", own, TOLD, {"bootstrap.servers": "x", "client.dns.lookup": "y"})
    assert made["engine"] == own["engine"]
    assert [transform["label"] for transform in made["transforms"]] == ["mine", "the sink's speed"]
    source = made["source"]
    assert (source["group_id"], source["consumer_timeout"], source["batch_size"]) == ("g", 5, 100)
    assert source["topics"][1] == {"name": "low.r", "destination_id": "low_vol"}
    client = source["consumer_config"]
    assert (client["fetch.min.bytes"], client["enable.auto.commit"]) == (7, False)
    assert "source_file_path" not in source
    assert yaml.safe_load(yaml.safe_dump(made)) == made


def test_bizon_that_is_not_installed_or_would_need_a_login(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAIRPOLL_KAFKA_SASL_PASSWORD", "secret")
    monkeypatch.setattr(runner, "find_spec", lambda _name: object())
    with pytest.raises(ConsumerError, match="use a cluster without one"):
        runner.run("sync", None)
    monkeypatch.setattr(runner, "find_spec", lambda _name: None)
    with pytest.raises(ConsumerError, match=r"fairpoll\[bizon\]"):
        runner.run("sync", None)
