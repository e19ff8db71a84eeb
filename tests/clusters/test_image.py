"""Consumers in containers: judged as those on this machine, stopped through the engine, and none is left."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from brokers import LOGIN, opened
from fairpoll.base.errors import ConsumerError, FairpollError
from fairpoll.base.waiting import wait_until
from fairpoll.checkers import judge
from fairpoll.cluster import Cluster
from fairpoll.cluster.cleanup import clear_leftovers
from fairpoll.cluster.compose.engine import engine
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.client_config import to_environment
from fairpoll.contract.subject import Subject
from fairpoll.evidence.history import Recording
from fairpoll.run.containers import ContainerProcess
from fairpoll.run.recorder import Recorder
from fairpoll.run.startable import check_can_start
from images import BASE, containers, deployed_image

SCENARIO = """
title: In a container
duration: 6 s
sink: 200 per second
consumer: {{session_timeout_ms: 2000}}
{timeline}
topics:
  busy: {{volume: high, partitions: 2, backlog: 300, traffic: 5 every 100 ms, output: busy.json}}
  quiet: {{volume: low, partitions: 1, traffic: 1 every 200 ms, output: quiet.json}}
"""
KILL = "timeline: [{at: 2 s, do: kill}, {at: 2500 ms, do: start}]"
MEMBERS = (
    "timeline: [{at: 1 s, do: join}, {at: 3 s, do: leave}, {at: 4 s, do: stop}, {at: 4500 ms, do: start}]"
)
# A killed service keeps no order between the partitions of its output.
GUARANTEES = ("nothing_lost", "only_acked_delivered", "commits_never_ahead", "no_forbidden_duplicates")
MEBIBYTE = 2**20
FAIRPOLL = str(Path(sys.executable).with_name("fairpoll"))
# A consumer that does nothing until it is asked to stop.
WAITS = "import signal, time; signal.signal(15, lambda *_: exit(7)); print(1, flush=True); time.sleep(60)"

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with deployed_image() as tag:
        yield tag


@pytest.fixture(scope="module")
def python_image() -> str:
    """The image of Python, whose user is root."""
    text = (Path(__file__).parents[2] / "producer.Dockerfile").read_text("utf-8")
    return next(line.split()[1] for line in text.splitlines() if line.startswith("FROM "))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Registry() as registry:
        cluster, _ = opened("compose", tmp_path_factory.mktemp("cluster"), registry)
        yield cluster
        cluster.stop()


def recorded(cluster: Cluster, folder: Path, timeline: str = "", **texts: str) -> Recording:
    file = folder / "scenario.yaml"
    file.write_text(SCENARIO.format(timeline=timeline), "utf-8")
    consumer = Subject.parse("yours", {"name": "mine", **texts})
    with Recorder(cluster, folder) as recorder:
        recording = recorder.record("contained", file, 1.0, [consumer])
    assert containers() == []
    return recording


def statuses(recording: Recording, *names: str) -> dict[str, str]:
    return {name: judge(name, recording, "mine").status for name in names}


def passes(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "pass")


def test_a_container_is_judged_also_across_sigkill(cluster: Cluster, tmp_path: Path, image: str):
    recording = recorded(cluster, tmp_path, KILL, image=image, evidence="topic")
    assert statuses(recording, *GUARANTEES, "stays_alive") == passes(*GUARANTEES, "stays_alive")
    killed, last = recording.processes_of("mine")
    assert (killed.exit_code, last.exit_code) == (137, 0)
    assert killed.killed_ms is not None
    assert last.terminated_ms is not None
    stops = judge("stops_when_asked", recording, "mine", seconds=10.0)
    assert stops.status == "pass", stops.sentence
    memory = [
        event
        for line in (recording.folder / "samples.jsonl").open(encoding="utf-8")
        if (event := json.loads(line))["name"] == "memory"
    ]
    assert len(memory) > 8
    assert 10 * MEBIBYTE < max(event["rss_bytes"] for event in memory) < 300 * MEBIBYTE
    assert 0.1 < memory[-1]["cpu_seconds"] < 30
    facts = json.loads((recording.folder / "run.json").read_text("utf-8"))
    assert facts["judged"]["mine"]["image"] == image


def test_a_container_that_drops_records_loses_them(cluster: Cluster, tmp_path: Path, image: str):
    recording = recorded(cluster, tmp_path, image=image, command="topic drops", evidence="topic")
    assert statuses(recording, "nothing_lost") == {"nothing_lost": "fail"}


def test_one_that_prints_events_and_writes_files_is_judged_with_its_members(cluster: Cluster, tmp_path: Path):
    recording = recorded(cluster, tmp_path, MEMBERS, image=BASE, command="consume --mode async")
    names = (
        *GUARANTEES,
        "order_kept",
        "content_intact",
        "only_while_assigned",
        "output_readable",
        "stays_alive",
    )
    assert statuses(recording, *names) == passes(*names)
    assert len(recording.processes_of("mine")) == 3


def test_an_image_that_ends_is_named_with_its_last_words(cluster: Cluster, tmp_path: Path, python_image: str):
    command = shlex.join(("python3", "-c", "import sys; sys.exit('no such database')"))
    with pytest.raises(ConsumerError, match=rf"mine \({python_image} .*exit code 1;[\s\S]*no such database"):
        recorded(cluster, tmp_path, image=python_image, command=command)
    with pytest.raises(ConsumerError, match=rf"mine cannot be started: {python_image}: .*no-such-program"):
        recorded(cluster, tmp_path, image=python_image, command="no-such-program")
    assert containers() == []


def test_a_password_is_in_the_environment_and_nowhere_else(tmp_path: Path, python_image: str):
    (tmp_path / "ca.pem").write_text("a certificate", "utf-8")
    login = to_environment({**LOGIN, "ssl.ca.location": str(tmp_path / "ca.pem")})
    show = "import os; print(open(os.environ['FAIRPOLL_KAFKA_SSL_CA_LOCATION']).read(), flush=True); " + WAITS
    folder = tmp_path / "mine"
    with Registry() as registry:
        process = ContainerProcess(
            "mine",
            python_image,
            ("python3", "-c", show),
            login,
            folder / "events.jsonl",
            folder / "client.log",
            registry=registry,
        )
        try:
            wait_until(lambda: process.events.stat().st_size > 10, 20, "its output")
            with engine() as client:
                shown = client.containers.get(process.container).attrs
            assert f"FAIRPOLL_KAFKA_SASL_PASSWORD={LOGIN['sasl.password']}" in shown["Config"].pop("Env")
            assert LOGIN["sasl.password"] not in json.dumps(shown)
            lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
            assert not [line for line in lines if LOGIN["sasl.password"] in line]
        finally:
            assert process.stop()
    assert process.exit_code == 7
    assert process.events.read_text("utf-8") == "a certificate\n1\n"


def test_its_disk_can_be_full(tmp_path: Path, python_image: str):
    program = f"""
        import time
        print(1, flush=True)
        file = open("{tmp_path}/mine/out", "ab", buffering=0)
        while True:
            file.write(b"x" * 10); time.sleep(0.01)
    """
    command = ("python3", "-c", textwrap.dedent(program))
    folder = tmp_path / "mine"
    process = ContainerProcess("mine", python_image, command, {}, folder / "events", folder / "log")
    try:
        wait_until((folder / "out").exists, 20, "its file")
        process.limit_files(100)
        wait_until(lambda: not process.running, 20, "its end")
        assert "File too large" in process.last_output()
    finally:
        process.stop()


@pytest.fixture
def compose_file(tmp_path: Path, image: str, python_image: str) -> Path:
    """A service with all that Compose files often have, and a dependency that it reaches by its name."""
    text = f"""
        version: "3.8"
        services:
          shop:
            image: {image}
            hostname: shop
            restart: always
            networks: [back]
            ports: ["127.0.0.1::80"]
            depends_on: {{prices: {{condition: service_healthy}}}}
            environment: {{GROUP: "${{FAIRPOLL_GROUP:?}}"}}
            entrypoint: [sh, -c]
            command:
              - |
                test "$$GROUP" = "$$FAIRPOLL_GROUP" || exit 3
                python3 -c 'import urllib.request as u; u.urlopen("http://prices:8000")' || exit 4
                exec python3 /deployed.py topic $$FAULT
          prices:
            image: {python_image}
            networks: [back]
            volumes: ["data:/data"]
            command: [python3, -m, http.server, "8000"]
            healthcheck:
              test: [CMD, python3, -c, 'import urllib.request as u; u.urlopen("http://127.0.0.1:8000")']
              interval: 1s
        networks: {{back: }}
        volumes: {{data: }}
    """
    file = tmp_path / "compose.yml"
    file.write_text(textwrap.dedent(text), "utf-8")
    return file


def projects() -> list[str]:
    """What there is of projects of services: containers, volumes and networks."""
    with engine() as client:
        found = [*client.containers.list(all=True), *client.volumes.list(), *client.networks.list()]
        return [
            one.name
            for one in found
            if re.search(r"^fairpoll-[0-9a-f]{8}[_-](shop|prices|data|back)", one.name)
        ]


def test_a_service_is_judged_with_what_it_depends_on(
    cluster: Cluster, tmp_path: Path, compose_file: Path, monkeypatch: pytest.MonkeyPatch
):
    texts = {"service": "shop", "file": str(compose_file), "evidence": "topic"}
    recording = recorded(cluster, tmp_path, KILL, **texts)
    assert statuses(recording, *GUARANTEES, "stays_alive") == passes(*GUARANTEES, "stays_alive")
    killed, last = recording.processes_of("mine")
    assert (killed.exit_code, last.exit_code) == (137, 0)
    assert projects() == []
    facts = json.loads((recording.folder / "run.json").read_text("utf-8"))
    assert facts["judged"]["mine"]["service"] == f"shop of {compose_file}"
    monkeypatch.setenv("FAULT", "drops")
    dropping = recorded(cluster, tmp_path, **texts, environment="FAULT")
    assert statuses(dropping, "nothing_lost") == {"nothing_lost": "fail"}


def test_a_service_that_is_not_there_is_one_sentence(tmp_path: Path, compose_file: Path):
    def sentence(service: str, file: Path) -> str:
        with pytest.raises(FairpollError) as error:
            check_can_start(Subject.parse("yours", {"service": service, "file": str(file)}))
        return str(error.value)

    assert sentence("stock", compose_file).endswith("has no service stock; it has prices, shop")
    assert sentence("shop", tmp_path / "none.yml") == f"FILE: {tmp_path}/none.yml is not a file"
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("services: {shop: {image: 127.0.0.1:1/no/such:1}}", "utf-8")
    assert sentence("shop", wrong).startswith(f"service shop of {wrong}: ")
    assert projects() == []
    check_can_start(Subject.parse("yours", {"service": "shop", "file": str(compose_file)}))
    assert projects() == []


def started(folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    """`fairpoll test` of a container, once that is running."""
    words = [FAIRPOLL, "test", "--cluster", "mock", "--evidence", "topic", "--name", "mine", *options]
    words += ["--environment", "SHOP_TOKEN", "--output-folder", str(folder / "out")]
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, "SHOP_TOKEN": "abc", "SHOP_OTHER": "def"}
        run = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
    try:
        wait_until(lambda: containers("running"), 60, "a container", last_seen=(folder / "log").read_text)
    except BaseException:
        run.kill()
        raise
    return run


@pytest.mark.parametrize("kind", ["image", "service"])
def test_ctrl_c_leaves_no_container(kind: str, tmp_path: Path, image: str, compose_file: Path):
    options = ("--image", image) if kind == "image" else ("--service", "shop", "--file", str(compose_file))
    run = started(tmp_path, *options)
    run.send_signal(signal.SIGINT)
    run.wait(60)
    assert containers() == projects() == []


@pytest.mark.parametrize("kind", ["image", "service"])
def test_what_a_killed_run_left_is_removed_by_the_next(
    kind: str, tmp_path: Path, image: str, compose_file: Path
):
    options = ("--image", image) if kind == "image" else ("--service", "shop", "--file", str(compose_file))
    run = started(tmp_path, *options)
    for process in [*psutil.Process(run.pid).children(recursive=True), psutil.Process(run.pid)]:
        if "robot" in " ".join(process.cmdline()) or process.pid == run.pid:
            process.kill()
    run.wait(10)
    (left,) = containers("running")
    with engine() as client:
        variables = client.containers.get(left).attrs["Config"]["Env"]
    assert [one for one in variables if one.startswith("SHOP_")] == ["SHOP_TOKEN=abc"]
    assert bool(projects()) == (kind == "service")
    assert f"container {left}" in clear_leftovers()
    assert containers() == projects() == []


def test_an_image_that_does_not_exist_is_one_sentence_before_anything_is_started(tmp_path: Path):
    """Port 1 of this machine answers no pull, whether or not a registry can be reached."""
    words = [FAIRPOLL, "test", "--image", "127.0.0.1:1/no/such:1", "--output-folder", str(tmp_path / "out")]
    began = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert time.monotonic() - began < 30
    assert done.returncode == 3
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith(
        "fairpoll: IMAGE: 127.0.0.1:1/no/such:1 is not on this Docker engine and cannot be pulled: "
    )
    assert not (tmp_path / "out").exists()
