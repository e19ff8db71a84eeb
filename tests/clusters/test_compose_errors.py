"""Why Compose cannot be used on a machine: each case with one sentence that ends with the remedy."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from brokers import opened
from fairpoll.base.errors import ClusterError, ClusterUnavailableError
from fairpoll.cluster.cleanup import clear_leftovers
from fairpoll.cluster.compose import cli as compose_cli
from fairpoll.cluster.compose.cli import find_compose, last_words
from fairpoll.cluster.compose.engine import engine
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.ports import is_free, listening_process

ANOTHER_WAY = "or run with CLUSTER:local, which needs no Docker"


def executable(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


class TestNoCompose:
    """The real programs are taken off the PATH; where there is one all the same, it is a script."""

    @pytest.fixture(autouse=True)
    def _empty_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

    def test_no_docker_cli(self, tmp_path: Path, registry: Registry):
        with pytest.raises(ClusterUnavailableError, match="no Docker CLI on the PATH") as error:
            opened("compose", tmp_path, registry)
        assert "apt-get install docker.io docker-compose" in str(error.value)
        assert str(error.value).endswith(ANOTHER_WAY)

    def test_docker_without_compose(self, tmp_path: Path):
        executable(tmp_path / "docker", """echo "docker: 'compose' is not a docker command" >&2; exit 1""")
        with pytest.raises(ClusterUnavailableError, match="but Compose does not run; install its plugin"):
            find_compose()

    def test_compose_too_old(self, tmp_path: Path):
        # What docker-compose 1.27.4 prints. It was tried itself as well; it installs no more beside PyYAML 6.
        executable(tmp_path / "docker-compose", "echo 1.27.4")
        with pytest.raises(ClusterUnavailableError, match=r"is Compose 1\.27\.4, too old: 1\.28 or later"):
            find_compose()

    def test_the_newer_of_two_is_taken(self, tmp_path: Path):
        executable(tmp_path / "docker-compose", "echo 1.29.2")
        executable(tmp_path / "docker", "echo v2.40.3")
        assert find_compose().version == "2.40.3"
        assert find_compose().words[1:] == ("compose",)


class TestNoEngine:
    def test_nobody_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        with pytest.raises(
            ClusterUnavailableError, match="the Docker daemon does not answer at unix:"
        ) as error:
            self._ask()
        assert str(error.value).endswith(ANOTHER_WAY)

    def test_a_socket_that_a_dead_daemon_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(f"{tmp_path}/docker.sock")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        with pytest.raises(ClusterUnavailableError, match="the Docker daemon does not answer"):
            self._ask()

    def test_permission_denied(self, tmp_path: Path):
        """Root is denied nothing: as root the question is asked by a child that has become nobody."""
        program = """
import os, sys
from fairpoll.cluster.compose.engine import engine
from fairpoll.base.errors import ClusterUnavailableError
import docker, requests
if os.geteuid() == 0:
    os.setresgid(65534, 65534, 65534); os.setgroups([]); os.setresuid(65534, 65534, 65534)
try:
    with engine():
        pass
except ClusterUnavailableError as error:
    print(error)
"""
        path = f"{tmp_path}/docker.sock"
        with socket.socket(socket.AF_UNIX) as somebodys:
            somebodys.bind(path)
            somebodys.listen()
            Path(path).chmod(0)
            done = subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "DOCKER_HOST": f"unix://{path}"},
                capture_output=True,
                text=True,
                check=False,
            )
        assert "may not use the Docker engine (permission denied at unix:" in done.stdout, done.stderr
        assert "usermod -aG docker" in done.stdout

    def test_projects_to_clear_wait_until_the_engine_answers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        registry = Registry()
        registry.add_project("fairpoll-never-started")
        (noted,) = (tmp_path / "state" / "fairpoll" / "running").glob("*.json")
        noted.write_text(noted.read_text("utf-8").replace(str(os.getpid()), "2147483647"), "utf-8")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        assert clear_leftovers() == []
        assert noted.exists()

    def _ask(self) -> None:
        with engine():
            raise AssertionError("somebody answered")


@pytest.mark.docker
@pytest.mark.parametrize("variable", ["FAIRPOLL_BROKER_PORT", "FAIRPOLL_UI_PORT"])
def test_a_port_that_is_taken(
    variable: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv(variable, str(port))
        message = (
            rf"port {port} is taken by \S+ \(process {os.getpid()}\); stop it, or choose another .*{variable}"
        )
        with pytest.raises(ClusterError, match=message):
            cluster, _ = opened("compose", tmp_path, registry)
            try:
                cluster.start_ui()  # type: ignore[attr-defined]
            finally:
                cluster.stop()


def test_who_holds_a_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        assert not is_free(port)
        assert f"(process {os.getpid()})" in listening_process(port)
    assert is_free(port)
    assert listening_process(port) == ""


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("Pulling\n\x1b[31mError response from daemon: pull access denied\x1b[0m\n", "pull access denied"),
        ("one\ntwo\n", "two"),
        ("", "no reason given"),
    ],
)
def test_the_line_of_an_output_that_says_why(output: str, line: str):
    assert last_words(output).endswith(line)


def test_a_compose_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    executable(tmp_path / "docker", "sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(compose_cli, "VERSION_SECONDS", 0.2)
    monkeypatch.setattr(
        "shutil.which", lambda name, **_: str(tmp_path / "docker") if name == "docker" else None
    )
    with pytest.raises(ClusterUnavailableError, match="Compose does not run"):
        find_compose()
