"""Clusters under bad luck: taken ports, brokers that die, killed owners, two runs at once."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition

from fairpoll.base.errors import ClusterError
from fairpoll.base.process_table import MARK
from fairpoll.base.waiting import wait_until
from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.cleanup import clear_leftovers, runs_elsewhere
from fairpoll.cluster.external import ExternalCluster
from fairpoll.cluster.leftovers import Place, Registry, state_folder
from fairpoll.cluster.local import cluster as local
from fairpoll.cluster.local import jars
from fairpoll.cluster.local.cluster import LocalCluster
from fairpoll.cluster.mock.cluster import MockCluster


@pytest.fixture
def mock(tmp_path: Path, registry: Registry) -> Iterator[MockCluster]:
    cluster = MockCluster(ClusterOptions(tmp_path / "logs"), registry)
    cluster.start()
    yield cluster
    cluster.stop()


def alive(pid: int) -> bool:
    """Running, and not merely waiting for its parent to take note of its end."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class TestMock:
    def test_two_groups_keep_their_own_offsets(self, mock: MockCluster):
        mock.create_topics({"t": 2})
        groups = [Consumer({**mock.client_config, "group.id": name}) for name in ("one", "two")]
        try:
            for offset, consumer in enumerate(groups, start=5):
                assigned: list[TopicPartition] = []
                consumer.subscribe(["t"], on_assign=lambda _c, parts, into=assigned: into.extend(parts))
                wait_until(lambda c=consumer, a=assigned: c.poll(0.05) or a, 10, "an assignment")
                assert len(assigned) == 2
                consumer.commit(offsets=[TopicPartition("t", 0, offset)], asynchronous=False)
            committed = [c.committed([TopicPartition("t", 0)], timeout=10)[0].offset for c in groups]
            assert committed == [5, 6]
        finally:
            for consumer in groups:
                consumer.close()

    def test_three_brokers(self, tmp_path: Path, registry: Registry):
        cluster = MockCluster(ClusterOptions(tmp_path, brokers=3), registry)
        cluster.start()
        try:
            assert cluster.client_config["bootstrap.servers"].count(":") == 3
            cluster.create_topics({"t": 3})
        finally:
            cluster.stop()

    def test_no_topics_is_no_work(self, mock: MockCluster):
        mock.create_topics({})

    def test_it_ends_with_a_killed_owner(self, tmp_path: Path):
        owner = _start_owner("mock", tmp_path)
        assert owner.stdout
        pid = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        wait_until(lambda: not alive(pid), 10, "the mock to end")

    def test_a_mock_that_died_is_told(self, mock: MockCluster):
        (child,) = psutil.Process().children()
        child.kill()
        with pytest.raises(ClusterError, match=r"ended on its own; see .*mock\.log"):
            mock.create_topics({"t": 1})


@pytest.mark.local
class TestLocal:
    @pytest.mark.parametrize("taken_place", [0, 1], ids=["broker port", "controller port"])
    def test_a_port_taken_meanwhile_is_chosen_again(
        self, taken_place: int, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ):
        choose, choices = local.free_ports, []
        with socket.socket() as taken:
            taken.bind((local.HOST, 0))
            taken.listen()

            def first_one_taken(count: int) -> list[int]:
                ports = choose(count)
                if not choices:
                    ports[taken_place] = taken.getsockname()[1]
                choices.append(ports)
                return ports

            monkeypatch.setattr(local, "free_ports", first_one_taken)
            cluster = LocalCluster(ClusterOptions(tmp_path), registry)
            cluster.start()
            cluster.stop()
        assert len(choices) == 2

    def test_three_brokers_leave_no_process_port_or_data(self, tmp_path: Path, registry: Registry):
        cluster = LocalCluster(ClusterOptions(tmp_path, brokers=3), registry)
        cluster.start()
        pids = [broker.process.pid for broker in cluster.brokers if broker.process]
        ports = [port for broker in cluster.brokers for port in (broker.port, broker.controller_port)]
        data = [broker.data for broker in cluster.brokers]
        cluster.stop()
        assert not any(alive(pid) for pid in pids)
        assert not any(folder.exists() for folder in data)
        for port in ports:
            with socket.socket() as probe:
                assert probe.connect_ex((local.HOST, port)) != 0
        assert sorted(p.name for p in tmp_path.glob("broker-*.log")) == [f"broker-{n}.log" for n in (1, 2, 3)]

    def test_a_broker_that_dies_while_starting_is_told_at_once(self, tmp_path: Path, registry: Registry):
        cluster = LocalCluster(
            ClusterOptions(tmp_path), registry, server_properties={"authorizer.class.name": "no.such.Class"}
        )
        with pytest.raises(ClusterError, match=r"broker 1 ended while starting .*broker-1\.log"):
            cluster.start()
        assert cluster.brokers == []

    def test_a_killed_owner_leaves_its_broker_to_the_next_run(self, tmp_path: Path):
        owner = _start_owner("local", tmp_path)
        assert owner.stdout
        pid = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        assert alive(pid)
        cleared = clear_leftovers()
        assert f"process {pid}" in cleared
        assert not alive(pid)
        (folder,) = [Path(entry) for entry in cleared if not entry.startswith("process")]
        assert not folder.exists()

    def test_kafka_home_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        cached = jars.find_kafka(lambda _text: None)
        (tmp_path / "libs").symlink_to(cached.class_path.removesuffix("/*"))
        monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
        found = jars.find_kafka(lambda _text: None)
        assert found.class_path == f"{tmp_path}/libs/*"
        assert found.kafka_version == cached.kafka_version


class TestExternal:
    @pytest.mark.parametrize(
        ("setting", "value"), [("security.protocol", "moon"), ("sasl.pasword", "secret-1")]
    )
    def test_settings_the_client_refuses(self, setting: str, value: str, tmp_path: Path, registry: Registry):
        options = ClusterOptions(tmp_path, bootstrap_servers="127.0.0.1:1", security={setting: value})
        with pytest.raises(ClusterError, match=f"does not accept its settings: .*{setting}") as error:
            ExternalCluster(options, registry, print).start()
        assert "secret" not in str(error.value)

    @pytest.mark.local
    def test_a_broker_without_tls(self, tmp_path: Path, registry: Registry):
        real = LocalCluster(ClusterOptions(tmp_path), registry)
        real.start()
        try:
            address = real.client_config["bootstrap.servers"]
            options = ClusterOptions(tmp_path, 1, address, {"security.protocol": "SSL"})
            with pytest.raises(ClusterError, match=r"TLS failed: check SECURITY_PROTOCOL"):
                ExternalCluster(options, registry, print).start()
        finally:
            real.stop()

    @pytest.mark.local
    def test_a_group_in_use_is_told_not_hidden(self, tmp_path: Path, registry: Registry):
        real = LocalCluster(ClusterOptions(tmp_path), registry)
        real.start()
        warnings: list[str] = []
        options = ClusterOptions(tmp_path, bootstrap_servers=real.client_config["bootstrap.servers"])
        cluster = ExternalCluster(options, registry, warnings.append)
        try:
            cluster.start()
            cluster.create_topics({})
            cluster.create_topics({"t": 1})
            consumer = Consumer({**cluster.client_config, "group.id": "g"})
            assigned: list[TopicPartition] = []
            consumer.subscribe(["t"], on_assign=lambda _c, parts: assigned.extend(parts))
            wait_until(lambda: consumer.poll(0.05) or assigned, 20, "an assignment")
            cluster.delete([], ["g"])
            consumer.close()
            assert warnings == ["left on the cluster, please delete: group g: Broker: The group is not empty"]
        finally:
            cluster.stop()
            real.stop()


class TestLeftovers:
    def test_a_process_with_a_reused_id_is_spared(self):
        bystander = subprocess.Popen(["sleep", "600"])
        try:
            created = psutil.Process(bystander.pid).create_time()
            _note_of_a_dead_owner(processes=[[bystander.pid, created - 60.0]])
            assert clear_leftovers() == []
            assert bystander.poll() is None
        finally:
            bystander.kill()
            bystander.wait()

    def test_the_consumer_inside_a_shell_goes_too(self):
        shell = subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True)
        try:
            family = psutil.Process(shell.pid)
            (inner,) = wait_until(family.children, 10, "the shell's child")
            _note_of_a_dead_owner(processes=[[shell.pid, family.create_time()]])
            assert clear_leftovers() == [f"process {shell.pid}"]
            assert not alive(inner.pid)
        finally:
            shell.kill()
            shell.wait()

    def test_a_daemon_of_a_killed_run_goes_too(self, tmp_path: Path):
        program = textwrap.dedent("""
            import pathlib, sys, time
            from fairpoll.cluster.leftovers import Registry
            from fairpoll.run.processes import ChildProcesses
            folder = pathlib.Path(sys.argv[1])
            command = ("sh", "-c", "(setsid sleep 600 & echo $!); exec sleep 600")
            ChildProcesses(Registry()).start("c", command, {}, folder / "events", folder / "log")
            print(flush=True)
            time.sleep(600)
        """)
        bystander = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: "of another run"})
        owner = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, env=os.environ
        )
        try:
            assert owner.stdout
            owner.stdout.readline()
            pid = int(wait_until((tmp_path / "events").read_text, 10, "the daemon's id"))
            assert clear_leftovers() == []  # its owner lives
            owner.kill()
            owner.wait()
            assert alive(pid)
            leader, daemon = clear_leftovers()
            assert (daemon, leader != daemon) == (f"process {pid}", True)
            assert not alive(pid)
            assert bystander.poll() is None
        finally:
            for process in (owner, bystander):
                process.kill()
                process.wait()

    @pytest.mark.parametrize("other", ["host", "boot", "pid_namespace"])
    def test_a_run_of_another_place_is_left_alone_and_mentioned_once(
        self, other: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ):
        registry.add_folder(tmp_path / "data")
        (tmp_path / "data").mkdir()
        there = replace(Place.here(), **{other: "another"})
        with monkeypatch.context() as patch:
            patch.setattr(Place, "here", lambda: there)
            assert clear_leftovers() == []
            (sentence,) = runs_elsewhere()
            assert sentence.startswith(f"left alone: {tmp_path}/data, of a run on host ")
            assert runs_elsewhere() == []
        assert (tmp_path / "data").exists()
        assert runs_elsewhere() == []
        registry.close()
        assert list(state_folder().iterdir()) == []

    def test_a_run_in_another_pid_namespace_does_not_touch_a_live_one(
        self, tmp_path: Path, registry: Registry
    ):
        apart = ["unshare", "--pid", "--fork", "--mount-proc"]
        if (
            not shutil.which("unshare")
            or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode
        ):
            pytest.skip("needs a pid namespace, which this user may not create")
        registry.add_folder(tmp_path / "data")
        (tmp_path / "data").mkdir()
        program = textwrap.dedent("""
            import pathlib, sys
            from fairpoll.cluster import ClusterOptions, open_cluster
            from fairpoll.cluster.leftovers import Registry
            with Registry() as registry:
                open_cluster("mock", ClusterOptions(pathlib.Path(sys.argv[1])), registry, warn=print)
        """)
        command = [*apart, sys.executable, "-c", program, str(tmp_path / "logs")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
        assert done.stdout.startswith(f"left alone: {tmp_path}/data, of a run on host ")
        assert (tmp_path / "data").exists()
        assert [path.suffix for path in sorted(state_folder().iterdir())] == [".json", ".mentioned"]

    def test_a_note_that_cannot_be_read_is_passed_over(self):
        state_folder().mkdir(parents=True)
        (state_folder() / "half.json").write_text('{"owner": [1')
        assert clear_leftovers() == []


def test_two_runs_at_once_fetch_the_jars_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(
        textwrap.dedent(f"""\
            #!/bin/sh
            echo called >> {tmp_path}/calls
            sleep 0.3
            for word in "$@"; do case $word in
                -DoutputDirectory=*) touch "${{word#*=}}/kafka_2.13-4.3.1.jar" ;;
            esac; done
            """)
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found: list[Path] = []
    runs = [
        threading.Thread(target=lambda: found.append(jars._cached_jars(lambda _text: None))) for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert found[0] == found[1]
    assert (found[0] / "kafka_2.13-4.3.1.jar").exists()
    assert (tmp_path / "calls").read_text().count("called") == 1


def test_a_start_clears_what_was_left_and_says_so(tmp_path: Path, registry: Registry):
    left = tmp_path / "left"
    left.mkdir()
    _note_of_a_dead_owner(folders=[str(left)])
    warnings: list[str] = []
    open_cluster("mock", ClusterOptions(tmp_path / "logs"), registry, warn=warnings.append).stop()
    assert warnings == [f"cleared what a killed run had left behind: {left}"]


def _start_owner(kind: str, folder: Path) -> "subprocess.Popen[bytes]":
    """A process that opens a cluster, prints the id of the process it started last, and waits."""
    program = textwrap.dedent("""
        import pathlib, psutil, sys, time
        from fairpoll.cluster import ClusterOptions, open_cluster
        from fairpoll.cluster.leftovers import Registry
        registry = Registry()
        options = ClusterOptions(pathlib.Path(sys.argv[2]) / "logs")
        cluster = open_cluster(sys.argv[1], options, registry, warn=print)
        print(psutil.Process().children()[-1].pid, flush=True)
        time.sleep(600)
    """)
    return subprocess.Popen([sys.executable, "-c", program, kind, str(folder)], stdout=subprocess.PIPE)


def _note_of_a_dead_owner(processes: object = (), folders: object = ()) -> None:
    gone = subprocess.Popen(["true"])
    gone.send_signal(signal.SIGTERM)
    gone.wait()
    state_folder().mkdir(parents=True, exist_ok=True)
    here = asdict(Place.here())
    noted = {
        "place": here,
        "owner": [gone.pid, 1.0],
        "processes": processes,
        "folders": folders,
        "projects": [],
    }
    (state_folder() / "dead.json").write_text(json.dumps(noted))
