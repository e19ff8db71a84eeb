"""The `fairpoll` command: options that cannot be meant, addresses where nobody answers."""
# ruff: noqa: E501 - a row is read as a line

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fairpoll.base.errors import ClusterError, ConsumerError, ScenarioError
from fairpoll.cli.main import main

SPECIFIED = Path(__file__).parents[2] / "resources" / "scenarios" / "specified.yaml"
NOBODY = "127.0.0.1:1"
CONSUME = f"consume --bootstrap-servers {NOBODY} --mode async --group g --output-folder out"
READ_ONE = f"{CONSUME} --topic t=t.json"
PLAN = f"plan --bootstrap-servers {NOBODY} --scenario {SPECIFIED}"
PRODUCE = f"produce --bootstrap-servers {NOBODY} --scenario {SPECIFIED}"

REFUSED = {
    "topic without a file": (f"{CONSUME} --topic nopair", "'--topic': 'nopair' is not TOPIC=FILE, for example alerts=alerts.json"),
    "topic with an empty file": (f"{CONSUME} --topic t=", "'--topic': 't=' is not TOPIC=FILE, for example alerts=alerts.json"),
    "topic that is a pattern": (f"{CONSUME} --topic ^a=b.json", "'--topic': '^a' is not the name of a topic"),
    "file elsewhere": (f"{CONSUME} --topic t=../x.json", "'--topic': '../x.json' is not a plain file name; the folder is --output-folder's"),
    "topic twice": (f"{READ_ONE} --topic t=u.json", "'--topic': 't' is there twice"),
    "file twice": (f"{READ_ONE} --topic u=t.json", "'--topic': 't.json' is there twice"),
    "sink rate 0": (f"{READ_ONE} --sink-rate 0", "'--sink-rate': 0.0 is not in the range x>0."),
    "sink rate a word": (f"{READ_ONE} --sink-rate fast", "'--sink-rate': 'fast' is not a valid number."),
    "sink rate nan": (f"{READ_ONE} --sink-rate nan", "'--sink-rate': 'nan' is not a valid number."),
    "sink rate inf": (f"{READ_ONE} --sink-rate inf", "'--sink-rate': 'inf' is not a valid number."),
    "another topic's rate": (f"{READ_ONE} --topic-sink-rate u=1", "'--topic-sink-rate': 'u' is not one of the topics"),
    "a topic's rate a word": (f"{READ_ONE} --topic-sink-rate t=x", "'--topic-sink-rate': 't': 'x' is not a valid number."),
    "unknown mode": (READ_ONE.replace("async", "turbo"), "'--mode': 'turbo' is not one of 'async', 'sync'."),
    "unknown policy": (f"{READ_ONE} --poison-policy hide", "'--poison-policy': 'hide' is not one of 'dead-letter', 'skip', 'stop'."),
    "endless poll": (f"{READ_ONE} --poll-interval-ms 99999999999", "'--poll-interval-ms': 99999999999 is not in the range 1<=x<=60000."),
    "no records a poll": (f"{READ_ONE} --max-poll-records 0", "'--max-poll-records': 0 is not in the range 1<=x<=1000000."),
    "address without port": (READ_ONE.replace(NOBODY, "localhost"), "'--bootstrap-servers': 'localhost' is no broker's address; write host:port, several with a comma between"),
    "unknown scenario": (PRODUCE.replace("specified", "none"), f"'--scenario': File '{SPECIFIED.parent}/none.yaml' does not exist."),
    "scenario a folder": (f"produce --bootstrap-servers {NOBODY} --scenario {SPECIFIED.parent}", f"'--scenario': File '{SPECIFIED.parent}' is a directory."),
    "speed 0": (f"{PRODUCE} --speed 0", "'--speed': 0.0 is not in the range x>0."),
    "speed nan": (f"{PRODUCE} --speed nan", "'--speed': 'nan' is not a valid number."),
    "unknown volume": (f"{PRODUCE} --only-volume medium", "'--only-volume': 'medium' is not one of 'high', 'low'."),
    "run id with a slash": (f"{PRODUCE} --run-id a/b", "'--run-id': 'a/b' is not a name for a run; letters, digits, '.', '_' and '-', at most 100"),
    "evidence topic": (f"{PRODUCE} --evidence-topic a/b", "'--evidence-topic': 'a/b' is not the name of a topic"),
    "no shards": (f"{PLAN} --shards 0", "'--shards': 0 is not in the range 1<=x<=10000."),
    "endless wait": (f"evidence pull --bootstrap-servers {NOBODY} --wait-seconds inf out", "'--wait-seconds': 'inf' is not a valid number."),
    "no folder to hand in": (f"evidence push --bootstrap-servers {NOBODY} --run-id r none", "'FOLDER': Directory 'none' does not exist."),
}  # fmt: skip


@pytest.mark.parametrize("row", REFUSED)
def test_an_option_that_cannot_be_meant_is_refused(row: str):
    command, told = REFUSED[row]
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 2
    assert f"Error: Invalid value for {told}\n" in done.output


TOLD = {
    "speed that never ends": (f"{PRODUCE} --speed 0.001", ScenarioError, "SPEED is 0.001; at least 0.01"),
    "duration": (f"{PRODUCE} --duration 5", ScenarioError, "--duration: '5' is not a duration; write for example 500 ms, 3 s or 2 minutes"),
    "traffic": (f"{PRODUCE} --high-traffic many", ScenarioError, "--high-traffic: 'many' is not traffic; write for example 20 every 500 ms"),
    "shard beyond the last": (f"{PRODUCE} --shard 5/4", ScenarioError, "'5/4' is not a shard; write for example 2/4, the second of four"),
    "consumer named like a file": (f"{PLAN} --consumer ledger", ScenarioError, "'ledger' cannot be the name of a consumer"),
    "unknown client property": (READ_ONE, ClusterError, 'the Kafka client does not accept its settings: No such configuration property: "nonsense"'),
    "no output folder": (f"{READ_ONE} --controlled".replace("folder out", "folder /proc/none"), ConsumerError, "/proc/none: cannot be written: No such file or directory"),
}  # fmt: skip


@pytest.mark.parametrize("row", TOLD)
def test_what_is_found_wrong_later_is_one_sentence(row: str, monkeypatch: pytest.MonkeyPatch):
    command, kind, told = TOLD[row]
    if "property" in row:
        monkeypatch.setenv("FAIRPOLL_KAFKA_NONSENSE", "1")
    with pytest.raises(kind) as error:
        CliRunner().invoke(main, command.split(), catch_exceptions=False)
    assert str(error.value) == told


def fairpoll(command: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fairpoll", *command.split()],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_by_hand_a_dead_address_is_given_up_with_one_sentence(tmp_path: Path):
    began = time.monotonic()
    both = [fairpoll(command, tmp_path) for command in (READ_ONE, PRODUCE)]
    for process in both:
        output, errors = process.communicate(timeout=30)
        assert (process.returncode, output) == (1, "")
        assert errors.startswith(f"fairpoll: {NOBODY} did not answer as a Kafka broker within 10 s (")
        assert errors.endswith("\n")
        assert errors.count("\n") == 1
    assert time.monotonic() - began < 15
    assert not (tmp_path / "out").exists()


def test_under_the_suites_a_dead_address_is_waited_for_until_told_to_stop(tmp_path: Path):
    process = fairpoll(f"{READ_ONE} --controlled", tmp_path)
    assert process.stdout
    assert '"startup_complete"' in process.stdout.readline()
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert '"shutdown_complete"' in output


def test_settings_that_the_client_refuses_are_one_sentence(tmp_path: Path):
    process = fairpoll(f"{READ_ONE} --controlled", tmp_path, FAIRPOLL_MAX_POLL_INTERVAL_MS="1000")
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 1
    told = "Failed to create consumer: `max.poll.interval.ms`must be >= `session.timeout.ms`"
    assert errors == f"fairpoll: the Kafka client: {told}\n"


def test_events_that_nobody_takes_end_it_with_one_sentence(tmp_path: Path):
    process = fairpoll(f"{READ_ONE} --controlled", tmp_path)
    assert process.stdout
    process.stdout.close()
    assert process.wait(30) == 1
    assert process.stderr
    assert process.stderr.read().endswith("fairpoll: events: cannot be written: Broken pipe\n")
