"""Docker Compose's command line: finds it, checks its version, and runs it for one project."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fairpoll.base.errors import ClusterError, ClusterUnavailableError
from fairpoll.cluster.compose.engine import OTHER_WAYS

# Profiles came with 1.28, conditions of depends_on a little earlier.
OLDEST = (1, 28)
VERSION_SECONDS = 30.0
CONFIG_SECONDS = 30.0
# An image is some hundred MB; the limit ends a download that no longer makes progress.
PULL_SECONDS = 600.0
DOWN_SECONDS = 120.0
# Brokers whose data is deleted need no time for a clean stop.
STOP_SECONDS = 2
# Compose reads these as well; a run has its own file and project.
OTHER_PROJECTS = ("COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "COMPOSE_PATH_SEPARATOR")


@dataclass(frozen=True)
class ComposeCommand:
    """The command of Compose, `docker compose` or `docker-compose`, and its version."""

    words: tuple[str, ...]
    version: str


def find_compose() -> ComposeCommand:
    """The newest way to call Compose. Raises ClusterUnavailableError: no CLI, no Compose, or too old."""
    docker, standalone = shutil.which("docker"), shutil.which("docker-compose")
    if not docker and not standalone:
        raise ClusterUnavailableError(
            "no Docker CLI on the PATH (docker, docker-compose); install Docker Engine with its Compose "
            f"plugin, on Debian 'apt-get install docker.io docker-compose', {OTHER_WAYS}"
        )
    ways: list[tuple[str, ...]] = [(docker, "compose")] if docker else []
    ways += [(standalone,)] if standalone else []
    found = [ComposeCommand(way, version) for way in ways if (version := _version_of(way))]
    if not found:
        raise ClusterUnavailableError(
            f"Docker is here ({docker or standalone}), but Compose does not run; install its plugin "
            f"(docker-compose-plugin, on Debian docker-compose), {OTHER_WAYS}"
        )
    newest = max(found, key=lambda command: _numbers(command.version))
    if _numbers(newest.version) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise ClusterUnavailableError(
            f"'{' '.join(newest.words)}' is Compose {newest.version}, too old: {wanted} or later is needed; "
            f"install Docker's Compose plugin, {OTHER_WAYS}"
        )
    return newest


def _version_of(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            [*words, "version", "--short"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+\.\d+(?:\.\d+)?", done.stdout)
    return match[0] if match and done.returncode == 0 else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


class ComposeProject:
    """One project of one Compose file. `started` is called with the id of each process that runs for it."""

    def __init__(
        self,
        command: ComposeCommand,
        file: Path,
        name: str,
        environment: Mapping[str, str],
        started: Callable[[int], None],
    ) -> None:
        self.name = name
        self.file = file
        self._command = [*command.words, "-f", str(file), "-p", name]
        self._down = ["--profile", "three-brokers", "down", "-v", "--remove-orphans"]
        kept = {key: value for key, value in os.environ.items() if key not in OTHER_PROJECTS}
        self._environment = {**kept, **environment}
        self._started = started

    def images(self) -> dict[str, str]:
        """Service -> image, from the Compose file with all its profiles. Raises ClusterError."""
        code, text, errors = self._run(["--profile", "*", "config"], CONFIG_SECONDS)
        if code != 0:  # Compose 1 knows no "*"
            code, text, errors = self._run(["--profile", "three-brokers", "config"], CONFIG_SECONDS)
        if code != 0:
            raise ClusterError(f"docker-compose.yml cannot be used: {last_words(errors)}")
        services: Mapping[str, Any] = yaml.safe_load(text)["services"]
        return {name: str(service.get("image", "")) for name, service in services.items()}

    def pull(self, service: str, image: str) -> None:
        """Fetch the service's image. Raises ClusterUnavailableError with the registry's reason."""
        code, text, errors = self._run(["pull", service], PULL_SECONDS)
        if code != 0:
            raise ClusterUnavailableError(
                f"image {image} cannot be pulled: {last_words(errors or text)}; check the network and the "
                "registry, or make stand-ins where none is reached (.ci/images/build), " + OTHER_WAYS
            )

    def up(self, services: Sequence[str], timeout_seconds: float) -> str:
        """Start the services. Returns Compose's errors, "" if none."""
        profile = ["--profile", "three-brokers"] if "kafka-1" in services else []
        code, text, errors = self._run([*profile, "up", "-d", "--no-build", *services], timeout_seconds)
        return "" if code == 0 else (errors or text or f"exit code {code}")

    def configuration(self) -> Mapping[str, Any]:
        """Service -> its definition, with all variables replaced. Raises ClusterError."""
        code, text, errors = self._run(["config"], CONFIG_SECONDS)
        if code != 0:
            raise ClusterError(f"{self.file} cannot be used: {last_words(errors)}")
        return dict(yaml.safe_load(text).get("services") or {})

    def fetch(self, service: str) -> None:
        """Build or pull what the service and its dependencies need. Raises ClusterError."""
        for words in (["build", service], ["up", "--no-start", service]):
            code, text, errors = self._run(words, PULL_SECONDS)
            if code != 0:
                raise ClusterError(f"service {service} of {self.file}: {last_words(errors or text)}")

    def up_dependencies(self, services: Sequence[str]) -> None:
        """Start these services and what they depend on. Raises ClusterError."""
        code, text, errors = self._run(["up", "-d", *services], PULL_SECONDS)
        if code != 0:
            raise ClusterError(f"{', '.join(services)} of {self.file}: {last_words(errors or text)}")

    def create(self, service: str) -> None:
        """Create the service's container anew, without starting it. Raises ClusterError."""
        words = ["up", "--no-start", "--no-deps", "--force-recreate", service]
        code, text, errors = self._run(words, DOWN_SECONDS)
        if code != 0:
            raise ClusterError(f"service {service} of {self.file}: {last_words(errors or text)}")

    def down(self) -> str:
        """Stop and remove the project with its volumes. Returns Compose's errors, "" if none."""
        code, text, errors = self._run([*self._down, "-t", str(STOP_SECONDS)], DOWN_SECONDS)
        return "" if code == 0 else (errors or text or f"exit code {code}")

    @property
    def down_command(self) -> str:
        """The command for people to take it down."""
        return shlex.join([*self._command, *self._down])

    def _run(self, arguments: Sequence[str], timeout_seconds: float) -> tuple[int, str, str]:
        """Exit code, standard output, standard error; after the timeout it is killed, with code -9."""
        process = subprocess.Popen(
            [*self._command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self._environment,
            start_new_session=True,  # Ctrl-C must not reach it
        )
        self._started(process.pid)
        try:
            text, errors = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            text, errors = process.communicate()
            errors += f"\nCompose did not end within {timeout_seconds:g} s"
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return process.returncode, text, errors


def last_words(output: str) -> str:
    """The reason of a failure: the last line with an error, else the last line."""
    lines = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    errors = [line for line in lines if re.search(r"\berror\b|denied|failed", line, re.IGNORECASE)]
    return (errors or lines or ["no reason given"])[-1][:300]
