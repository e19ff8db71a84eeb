"""A user's consumer, judged by the evidence that it leaves; and the configuration of Bizon."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import TestSuite

from fairpoll.base.errors import ConsumerError
from fairpoll.consumers import bizon
from fairpoll.consumers.bizon import __main__ as runner
from fairpoll.run.modes import consumer_of
from fairpoll.verdicts.rejudge import judge_again
from suite_runs import ROOT, SUITES, run

FAIR = [sys.executable, "-m", "fairpoll", "consume", "--mode", "async", "--controlled"]
POLL = [sys.executable, str(ROOT / "examples" / "confluent-kafka-poll" / "consumer.py")]
SUITE = SUITES / "90__your_consumer.robot"
GIVEN = {
    "FAIRPOLL_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "FAIRPOLL_GROUP": "g",
    "FAIRPOLL_TOPICS": "high.r=high_vol.json low.r=low_vol.json",
    "FAIRPOLL_MAX_POLL_RECORDS": "100",
    "FAIRPOLL_POLL_INTERVAL_MS": "50",
    "FAIRPOLL_PARTITION_PAUSE_THRESHOLD": "500",
    "FAIRPOLL_SESSION_TIMEOUT_MS": "45000",
    "FAIRPOLL_MAX_POLL_INTERVAL_MS": "300000",
}


def judged(output: Path) -> dict[str, Any]:
    """The only run of this verdict.json."""
    (run,) = json.loads((output / "verdict.json").read_text("utf-8"))["runs"]
    assert isinstance(run, dict)
    return run


NEVER = {"contents": ["content_intact"], "places": ["right_place"]}
BY_RECORDS = [
    "clock_honest", "nothing_lost", "only_acked_delivered", "no_forbidden_duplicates", "order_kept",
    "only_while_assigned", "commits_never_ahead", "commits_never_back", "commits_caught_up",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.local
@pytest.mark.parametrize("evidence", ["events", "commits"])
def test_it_is_judged_by_the_evidence_that_it_leaves(evidence: str, tmp_path: Path):
    silent = " >/dev/null" if evidence == "commits" else ""
    command = shlex.join(["sh", "-c", f"exec {shlex.join(POLL)}{silent}"])
    variables = ["CLUSTER:local", "SPEED:10", f"CONSUMER:{command}", "CONSUMER_NAME:plain"]
    done = run(tmp_path, *(word for v in variables for word in ("--variable", v)), str(SUITE))
    assert "The Run Should Be Sound                                               | PASS |" in done.stdout
    found = judged(tmp_path)
    statuses = {f["check"]: f["status"] for f in found["findings"] if f["consumer"] == "plain"}
    # The plain loop starves; that is seen even by its commits.
    assert statuses["oldest_wait_at_most"] == "fail", done.stdout
    expected = NEVER if evidence == "events" else {"records": BY_RECORDS, **NEVER}
    assert found["not_shown"] == {"plain": expected}
    if evidence == "events":
        assert "inconclusive" not in statuses.values()
    assert found["judged"]["plain"] == {"command": command, "shows": []}
    assert "plain does not show" in (tmp_path / "summary.html").read_text("utf-8")
    again = judge_again(next((tmp_path / "evidence").glob("specified-*")))
    assert again.same


@pytest.mark.slow
@pytest.mark.local
def test_one_that_renames_its_group_is_judged_by_its_records(tmp_path: Path):
    """As NestJS does, which appends "-server"; nobody reports an assignment."""
    consumers = ROOT / "tests" / "must_fail" / "consumers.py"
    fair = shlex.join([sys.executable, str(consumers), "no assignment events"])
    command = shlex.join(["sh", "-c", f'FAIRPOLL_GROUP="$FAIRPOLL_GROUP-server" exec {fair}'])
    variables = ["CLUSTER:local", "SPEED:5", f"CONSUMER:{command}", "CONSUMER_NAME:renamer"]
    done = run(tmp_path, *(word for v in variables for word in ("--variable", v)), str(SUITE))
    assert done.returncode == 0, done.stdout
    found = judged(tmp_path)
    assert found["not_shown"] == {
        "renamer": {
            "assignments": ["only_while_assigned"],
            "commits": ["commits_never_ahead", "commits_never_back", "commits_caught_up"],
        }
    }
    page = (tmp_path / "summary.html").read_text("utf-8")
    assert "what it commits, as nobody joined the group that it was given (commits never ahead" in page


@pytest.mark.slow
@pytest.mark.parametrize("declared", ["SHOWS:records contents", "CONSUMER_FIELDS:offset=at.offset"])
def test_declared_evidence_that_is_hidden_is_inconclusive(declared: str, tmp_path: Path):
    """The fair consumer writes its files elsewhere: it serves well, and is not let off what it declared."""
    hidden = f"FAIRPOLL_OUTPUT_FOLDER={tmp_path} exec {shlex.join(FAIR)} >/dev/null"
    command = shlex.join(["sh", "-c", hidden])
    variables = ["CLUSTER:local", "SPEED:10", f"CONSUMER:{command}", "CONSUMER_NAME:hider", declared]
    done = run(
        tmp_path,
        "--variable",
        "CLUSTER:local",
        *(w for v in variables for w in ("--variable", v)),
        str(SUITE),
    )
    assert done.returncode > 0
    found = judged(tmp_path)
    statuses = {f["check"]: f["status"] for f in found["findings"] if f["consumer"] == "hider"}
    assert found["verdict"] == "inconclusive"
    assert statuses["nothing_lost"] == statuses["content_intact"] == "inconclusive"
    assert "nothing_lost" not in str(found.get("not_shown"))


@pytest.mark.slow
def test_who_is_fair_only_by_its_topics_names_is_seen(tmp_path: Path):
    """With the names as written the low-volume topic sorts last, and waits; reversed it is served first."""
    consumers = ROOT / "tests" / "must_fail" / "consumers.py"
    command = shlex.join([sys.executable, str(consumers), "serves in the order of names"])
    variables = ["CLUSTER:mock", "SPEED:10", "NAMES:both", f"CONSUMER:{command}", "CONSUMER_NAME:named"]
    done = run(tmp_path, *(word for v in variables for word in ("--variable", v)), str(SUITE))
    assert done.returncode > 0
    written, reverse = json.loads((tmp_path / "verdict.json").read_text("utf-8"))["runs"]
    waits = [r["figures"]["named"]["low_volume_oldest_wait_seconds"] for r in (written, reverse)]
    assert waits[0] > 60
    assert waits[1] < 20
    (sentence,) = [f["sentence"] for f in written["findings"] if f["check"] == "oldest_wait_at_most"]
    assert "; with the names reversed it passes (" in sentence
    assert sentence.endswith("): the order of the topics' names decides")
    assert sentence in done.stdout.replace("\n", " ")
    assert reverse["scenario"].endswith(" (topic names reversed)")


def test_without_a_consumer_the_suite_is_skipped_with_the_reason(tmp_path: Path):
    done = run(tmp_path, "--variable", "CLUSTER:mock", str(SUITE))
    assert 'no consumer is given: run with --variable "CONSUMER:./my-consumer --flag"' in done.stdout
    tests = TestSuite.from_file_system(SUITE).test_count
    assert f"{tests} tests, 0 passed, 0 failed, {tests} skipped" in done.stdout


def test_bizon_is_skipped_with_the_reason_on_the_mock(tmp_path: Path):
    done = run(tmp_path, "--variable", "CLUSTER:mock", "--include", "bizon", str(SUITES))
    assert "run with CLUSTER:local" in done.stdout or "fairpoll[bizon]" in done.stdout
    assert " 0 failed" in done.stdout


@pytest.mark.parametrize(
    ("mode", "yours", "message"),
    [
        ("yours", {}, "no consumer of yours is given: name its command with --variable CONSUMER:..."),
        (
            "yours",
            {"command": "me", "fields": "colour=x"},
            "CONSUMER_FIELDS: 'colour=x' is not one of topic, partition",
        ),
        (
            "yours",
            {"command": "me", "name": "a b"},
            "CONSUMER_NAME: 'a b' is not a name; write at most 60 letters",
        ),
        ("async", {"command": "me", "name": "sync"}, "CONSUMER_NAME: 'sync' is taken; choose another name"),
        (
            "yours",
            {"command": "me", "shows": "all"},
            "SHOWS: 'all' is not a kind of evidence; one of: records, ",
        ),
        ("fast", {}, "unknown mode 'fast'; one of: sync, async, bizon-sync, bizon-async, yours"),
    ],
)
def test_a_consumer_that_cannot_be_had(mode: str, yours: dict[str, str], message: str):
    with pytest.raises(ConsumerError) as error:
        consumer_of(mode, yours)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("./my-consumer --flag", "my-consumer"),
        ("python my/consumer.py", "consumer.py"),
        ("java -jar target/mine.jar", "mine.jar"),
        ("./my-consumer --api-token x", "my-consumer"),
        ("python -X dev -u my/app.py --flag value", "app.py"),
        ("/usr/bin/python3.12 -m my.app value", "my.app"),
        ("python -c 'import app' x", "python"),
        ("java -cp a.jar:b.jar -Xmx1g com.acme.Main x", "com.acme.Main"),
        ("node --require ./x.js app.mjs", "app.mjs"),
        ("env -u C A=b ./mine x", "mine"),
        ("env A=b nohup ./mine x", "mine"),
        ("sh -c 'exec mine >/dev/null'", "mine"),
        ("bash -ec 'cd there && A=b exec ./mine | tee log'", "mine"),
        ("bash ./mine.sh value", "mine.sh"),
        ("fairpoll consume --mode async", "fairpoll"),
        ("./async --flag", "your-async"),
        ("--odd", "yours"),
    ],
)
def test_a_consumer_is_named_by_its_command_and_called_by_its_mode(command: str, name: str):
    consumer = consumer_of("async", {"command": command})
    assert (consumer.name, consumer.mode) == (name, "async")
    assert consumer_of("yours", {"command": command, "name": "given"}).name == "given"
    assert consumer_of("sync", {"command": command}).name == "sync"


def test_a_secret_option_of_a_consumer_that_ends_is_in_no_file(tmp_path: Path):
    (tmp_path / "consumer.sh").write_text("echo unknown option: $1 $2 $3 >&2; exit 2")
    command = f"sh {tmp_path}/consumer.sh --password=hunter2-a --api-token hunter2-b"
    folder = tmp_path / "results"
    options = ("--cluster", "mock", "--speed", "10", "--output-folder", str(folder))
    done = subprocess.run(
        [sys.executable, "-m", "fairpoll", "test", *options, command],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert (
        f"consumer.sh (sh {tmp_path}/consumer.sh --password=*** --api-token ***) ended on its own"
        in done.stderr
    )
    assert "unknown option: --password=*** --api-token ***" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    holding = [path.name for path in folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    # What the consumer itself printed is evidence, and stays as it is.
    assert holding == ["client.log"]


def test_modes_and_what_stands_for_them():
    assert consumer_of("async", {"command": "mine --fast"}).command == ("mine", "--fast")
    assert consumer_of("sync", {"command": "mine"}).command != ("mine",)
    assert consumer_of("yours", {"command": "mine", "fields": "id=a.b"}).fields.id == "a.b"
    begun = consumer_of("bizon-async", {}, "my.yml")
    assert begun.command[-4:] == ("--mode", "async", "--config", "my.yml")
    assert begun.fields == bizon.OUTPUT_FIELDS


def test_bizons_configuration_is_made_from_the_scenario_over_ones_own():
    own = {
        "name": "mine",
        "source": {"consumer_timeout": 5, "group_id": "mine", "consumer_config": {"fetch.min.bytes": 7}},
        "transforms": [{"label": "mine", "python": "pass"}],
        "engine": {"runner": {"log_level": "INFO"}},
    }
    made = runner.bizon_config("sync", own, GIVEN, {"bootstrap.servers": "x", "client.dns.lookup": "y"})
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
