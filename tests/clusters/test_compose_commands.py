"""The specification's four commands, as written, on a real engine."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from brokers import left_of
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.admin import Admin
from fairpoll.cluster.compose.cli import find_compose
from fairpoll.cluster.compose.engine import containers_of, engine, is_here, remove_project
from fairpoll.cluster.ports import free_ports
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.verdicts.rejudge import judge_again

ROOT = Path(__file__).parents[2]
PROJECT = "fairpoll-commands-test"
pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def settings() -> Iterator[Mapping[str, str]]:
    """A project and ports of their own; short traffic; without the UI where its image is not here."""
    broker, ui = free_ports(2)
    environment = {
        **os.environ,
        "COMPOSE_PROJECT_NAME": PROJECT,
        "FAIRPOLL_BROKER_PORT": str(broker),
        "FAIRPOLL_UI_PORT": str(ui),
        "FAIRPOLL_DURATION": "6 s",
        "FAIRPOLL_SPEED": "2",
    }
    with engine() as client:
        (image,) = [
            line.split()[1] for line in (ROOT / "docker-compose.yml").open() if "kafbat/kafka-ui" in line
        ]
        if not is_here(client, image):
            environment["COMPOSE_FILE"] = "docker-compose.yml:.ci/images/without-ui.yml"
    yield environment
    remove_project(PROJECT)


def run(order: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [*find_compose().words, *shlex.split(order)]
    return subprocess.run(
        command, cwd=ROOT, env=dict(settings), capture_output=True, text=True, check=False, timeout=300
    )


def topics(settings: Mapping[str, str], log: Path) -> dict[str, int] | None:
    """Topic -> its number of partitions, or None while no broker answers."""
    admin = Admin({"bootstrap.servers": f"127.0.0.1:{settings['FAIRPOLL_BROKER_PORT']}"}, log)
    try:
        metadata = admin.metadata(timeout_seconds=2)
    finally:
        admin.close()
    if metadata is None:
        return None
    return {name: len(t.partitions) for name, t in metadata.topics.items() if not name.startswith("__")}


# The topics that it produces to, and where producers agree on who sends what of it.
SPECIFIED = {"async-test-high-volume": 3, "async-test-low-volume": 1, "fairpoll-evidence": 2}


def test_everything_up_and_down(settings: Mapping[str, str], tmp_path: Path):
    log = tmp_path / "admin.log"
    done = run("up -d", settings)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: topics(settings, log) == SPECIFIED, 60, "the producer to create its topics")
    done = run("down -v", settings)
    assert done.returncode == 0, done.stderr
    assert left_of(PROJECT) == []


def test_a_producer_run_right_after_everything_is_up_makes_traffic_of_its_own(settings: Mapping[str, str]):
    """The specification's own order: the producer of `up` is still at work."""
    done = run("up -d", settings)
    assert done.returncode == 0, done.stderr
    for order in ("run test-producer", 'run -e FAIRPOLL_DURATION="3 s" test-producer'):
        done = run(order, settings)
        assert done.returncode == 0, done.stderr
        seconds = 3 if "3 s" in order else 6
        assert done.stdout.count('"producer_send_success"') == 2_000 + 40 * seconds + seconds // 3
    done = run("down -v --remove-orphans", settings)
    assert done.returncode == 0, done.stderr
    assert left_of(PROJECT) == []


def test_the_broker_alone_and_then_the_producer(settings: Mapping[str, str], tmp_path: Path):
    log = tmp_path / "admin.log"
    if find_compose().version.startswith("1."):
        pytest.skip("Compose 1 takes no option behind a service's name; 'up -d kafka zookeeper' is its order")
    done = run("up kafka zookeeper -d", settings)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: topics(settings, log) is not None, 60, "the broker to answer")
    assert topics(settings, log) == {}
    done = run("run test-producer", settings)
    assert done.returncode == 0, done.stderr
    assert topics(settings, log) == SPECIFIED
    # 6 s of the scenario: a backlog of 2,000, 12 bursts of 20, and 2 alerts.
    assert done.stdout.count('"producer_send_success"') == 2_000 + 12 * 20 + 2
    done = run("down -v", settings)
    assert done.returncode == 0, done.stderr
    # Compose 2 leaves what `run` without --rm has finished, and nothing else.
    assert [name for name in left_of(PROJECT) if "test-producer-run" not in name] == []
    done = run("down -v --remove-orphans", settings)
    assert done.returncode == 0, done.stderr
    assert left_of(PROJECT) == []


def fetched(settings: Mapping[str, str], folder: Path) -> Path:
    """The recording of the last run, once all its parts have handed in."""
    servers = f"127.0.0.1:{settings['FAIRPOLL_BROKER_PORT']}"
    pull = ["evidence", "pull", "--bootstrap-servers", servers, "--wait-seconds", "60", str(folder)]
    subprocess.run([sys.executable, "-m", "fairpoll", *pull], env=dict(settings), check=True, timeout=100)
    return folder


def test_four_producers_share_the_traffic(settings: Mapping[str, str], tmp_path: Path):
    done = run("up -d --scale test-producer=4", settings)
    assert done.returncode == 0, done.stderr
    again = judge_again(fetched(settings, tmp_path / "recording"))
    assert again.verdict.worst == "pass", [f.sentence for f in again.verdict.findings]
    assert again.verdict.recording.facts.shards == 4
    assert len(again.verdict.recording.acked) == 2_000 + 12 * 20 + 2


def test_a_whole_run_in_containers(settings: Mapping[str, str], tmp_path: Path):
    """Plan, two producers, two consumers and the judge, on the whole specified scenario."""
    environment = {
        **settings,
        "FAIRPOLL_RUN_ID": "in-containers",
        "FAIRPOLL_SHARDS": "2",
        "FAIRPOLL_SPEED": "5",
    }
    done = run("--profile judged up -d --scale test-producer=2", environment)
    assert done.returncode == 0, done.stderr
    with engine() as client:
        (judge,) = [one for one in containers_of(client, PROJECT) if "judge" in one.name]
        code = judge.wait(timeout=180)["StatusCode"]
        said = judge.logs().decode()
    assert code == 0, said
    assert "run in-containers, 4 of 4 parts" in said
    recording = load_recording(fetched(environment, tmp_path / "recording"))
    assert set(recording.consumers) == {"sync", "async"}
    assert len(recording.acked) == 2_000 + 240 * 20 + 40
    done = run("--profile judged down -v", environment)
    assert done.returncode == 0, done.stderr
    assert left_of(PROJECT) == []
