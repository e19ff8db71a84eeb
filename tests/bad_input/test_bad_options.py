"""The `fairpoll` command: options that cannot be meant, addresses where nobody answers."""
# ruff: noqa: E501 - a row is read as a line

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from syrupy.assertion import SnapshotAssertion

from fairpoll.base.errors import ClusterError, ConsumerError, ScenarioError
from fairpoll.cli.main import main

SPECIFIED = Path(__file__).parents[2] / "resources" / "scenarios" / "specified.yaml"
NOBODY = "127.0.0.1:1"
CONSUME = f"consume --bootstrap-servers {NOBODY} --mode async --group g --output-folder out"
READ_ONE = f"{CONSUME} --topic t=t.json"
PLAN = f"plan --bootstrap-servers {NOBODY} --scenario {SPECIFIED}"
PRODUCE = f"produce --bootstrap-servers {NOBODY} --scenario {SPECIFIED}"

REFUSED = {
    "topic without a file": f"{CONSUME} --topic nopair",
    "topic with an empty file": f"{CONSUME} --topic t=",
    "topic that is a pattern": f"{CONSUME} --topic ^a=b.json",
    "file elsewhere": f"{CONSUME} --topic t=../x.json",
    "topic twice": f"{READ_ONE} --topic t=u.json",
    "file twice": f"{READ_ONE} --topic u=t.json",
    "sink rate 0": f"{READ_ONE} --sink-rate 0",
    "sink rate a word": f"{READ_ONE} --sink-rate fast",
    "sink rate nan": f"{READ_ONE} --sink-rate nan",
    "sink rate inf": f"{READ_ONE} --sink-rate inf",
    "another topic's rate": f"{READ_ONE} --topic-sink-rate u=1",
    "a topic's rate a word": f"{READ_ONE} --topic-sink-rate t=x",
    "unknown mode": READ_ONE.replace("async", "turbo"),
    "unknown policy": f"{READ_ONE} --poison-policy hide",
    "endless poll": f"{READ_ONE} --poll-interval-ms 99999999999",
    "no records a poll": f"{READ_ONE} --max-poll-records 0",
    "address without port": READ_ONE.replace(NOBODY, "localhost"),
    "unknown scenario": PRODUCE.replace("specified", "none"),
    "scenario a folder": f"produce --bootstrap-servers {NOBODY} --scenario {SPECIFIED.parent}",
    "speed 0": f"{PRODUCE} --speed 0",
    "speed nan": f"{PRODUCE} --speed nan",
    "unknown volume": f"{PRODUCE} --only-volume medium",
    "run id with a slash": f"{PRODUCE} --run-id a/b",
    "evidence topic": f"{PRODUCE} --evidence-topic a/b",
    "no shards": f"{PLAN} --shards 0",
    "endless wait": f"evidence pull --bootstrap-servers {NOBODY} --wait-seconds inf out",
    "no folder to hand in": f"evidence push --bootstrap-servers {NOBODY} --run-id r none",
}  # fmt: skip


@pytest.mark.parametrize("row", REFUSED)
def test_an_option_that_cannot_be_meant_is_refused(row: str, snapshot: SnapshotAssertion):
    done = CliRunner().invoke(main, REFUSED[row].split())
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] == snapshot


LATER = {
    "speed that never ends": (f"{PRODUCE} --speed 0.001", ScenarioError),
    "duration": (f"{PRODUCE} --duration 5", ScenarioError),
    "traffic": (f"{PRODUCE} --high-traffic many", ScenarioError),
    "shard beyond the last": (f"{PRODUCE} --shard 5/4", ScenarioError),
    "consumer named like a file": (f"{PLAN} --consumer ledger", ScenarioError),
    "unknown client property": (READ_ONE, ClusterError),
    "no output folder": (f"{READ_ONE} --controlled".replace("folder out", "folder /proc/none"), ConsumerError),
}  # fmt: skip


@pytest.mark.parametrize("row", LATER)
def test_what_is_found_wrong_later_is_one_sentence(
    row: str, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
):
    command, kind = LATER[row]
    if "property" in row:
        monkeypatch.setenv("FAIRPOLL_KAFKA_NONSENSE", "1")
    with pytest.raises(kind) as error:
        CliRunner().invoke(main, command.split(), catch_exceptions=False)
    assert str(error.value) == snapshot


def fairpoll(command: str, folder: Path, first: str = "", **environment: str) -> subprocess.Popen[str]:
    """The command in a process of its own, which executes `first` before."""
    program = f"{first}\nfrom fairpoll.cli.main import run\nrun()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *command.split()],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_by_hand_a_dead_address_is_given_up_with_one_sentence(tmp_path: Path, snapshot: SnapshotAssertion):
    at_once = "from fairpoll.cluster import connection; connection.ANSWER_SECONDS = 1.0"
    both = [fairpoll(command, tmp_path, first=at_once) for command in (READ_ONE, PRODUCE)]
    for process in both:
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (1, "")
        assert re.sub(r" \(.*\)\n$", " (...)", errors) == snapshot(name="sentence")
        assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_under_the_suites_a_dead_address_is_waited_for_until_told_to_stop(tmp_path: Path):
    process = fairpoll(f"{READ_ONE} --controlled", tmp_path)
    assert process.stdout
    assert '"startup_complete"' in process.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):  # it goes on
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert '"shutdown_complete"' in output


def test_settings_that_the_client_refuses_are_one_sentence(tmp_path: Path, snapshot: SnapshotAssertion):
    process = fairpoll(f"{READ_ONE} --controlled", tmp_path, FAIRPOLL_MAX_POLL_INTERVAL_MS="1000")
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 1
    assert errors == snapshot


def test_events_that_nobody_takes_end_it_with_one_sentence(tmp_path: Path, snapshot: SnapshotAssertion):
    process = fairpoll(f"{READ_ONE} --controlled", tmp_path)
    assert process.stdout
    process.stdout.close()
    assert process.wait(30) == 1
    assert process.stderr
    assert process.stderr.read().splitlines()[-1] == snapshot
