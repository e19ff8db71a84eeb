"""The contestants: the built-in consumers, and the programs of an examples folder."""

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import confluent_kafka
import yaml

from fairpoll.base.errors import LeagueError
from fairpoll.base.logs import last_lines
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.contract.subject import Subject
from fairpoll.run.modes import consumer_of
from fairpoll.scenarios.model import CONTROL

KEYS = ("name", "client", "version", "language", "needs", "build", "run", "documentation")
# Compiling librdkafka, the longest of them, takes two minutes on two cores.
BUILD_SECONDS = 1200.0
# A file in an example's folder with the fingerprint of its build, so that it is not built again.
STAMP = ".built"


@dataclass(frozen=True)
class Contestant:
    """A consumer with its description for the tables. `key` is its name in folders and options.

    `command` is run as any consumer under test, with TUNED=1 in its environment for a small prefetch. `needs`
    are commands that must be on the PATH; `build`, a shell command, is run once in `folder` before.
    """

    key: str
    name: str
    client: str
    version: str
    language: str
    command: tuple[str, ...]
    documentation: str = ""
    needs: tuple[str, ...] = ()
    build: str = ""
    folder: Path | None = None
    fields: Fields = OUR_FIELDS

    def missing(self) -> list[str]:
        """The needed commands that are not on the PATH."""
        return [command for command in self.needs if not shutil.which(command)]

    def under_test(self, *, tuned: bool = False) -> Subject:
        command = ("env", "TUNED=1", *self.command) if tuned else self.command
        return Subject(self.key, command, self.fields)


def built_in() -> list[Contestant]:
    """Fairpoll's own two consumers."""
    client = ("confluent-kafka", str(confluent_kafka.version()), "Python")
    return [
        Contestant(mode, f"Fairpoll {mode}", *client, Subject.built_in(mode).command)
        for mode in (CONTROL, "async")
    ]


def bizon_modes() -> list[Contestant]:
    """Bizon as released, and with our fair poller as its source; its command shows that it is installed."""
    try:
        installed = version("bizon")
    except PackageNotFoundError:
        installed = "not installed"
    named = {"bizon-sync": "Bizon", "bizon-async": "Bizon with our fair poller"}
    subjects = ((consumer_of(mode, {}), name) for mode, name in named.items())
    return [
        Contestant(s.name, name, "bizon", installed, "Python", s.command, needs=("bizon",), fields=s.fields)
        for s, name in subjects
    ]


def load_examples(folder: Path) -> list[Contestant]:
    """The examples: each folder with an example.yaml. Raises LeagueError with the file and its error."""
    return [_load(path) for path in sorted(folder.glob("*/example.yaml"))]


def _load(path: Path) -> Contestant:
    try:
        data: Any = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise LeagueError(f"{path}: cannot be read: {error}") from None
    if not isinstance(data, dict) or set(data) != set(KEYS):
        raise LeagueError(f"{path}: must have these keys and no others: {', '.join(KEYS)}")
    if not isinstance(data["needs"], list):
        raise LeagueError(f"{path}: needs: must be a list of commands, such as [go]")
    folder = path.parent.resolve()
    text: dict[str, Any] = {key: str(data[key]) for key in KEYS if key not in ("needs", "run")}
    # With `exec` the program replaces the shell, so that signals reach it and its memory is measured.
    command = ("sh", "-c", f'cd "$0" && exec {data["run"]}', str(folder))
    needs = tuple(str(one) for one in data["needs"])
    return Contestant(key=folder.name, command=command, needs=needs, folder=folder, **text)


def chosen(contestants: Sequence[Contestant], only: Sequence[str]) -> list[Contestant]:
    """The contestants in `only`, by key or name; all if it is empty. Raises LeagueError for unknown names."""
    known = {name for c in contestants for name in (c.key, c.name)}
    if unknown := [name for name in only if name not in known]:
        keys = ", ".join(c.key for c in contestants)
        raise LeagueError(f"no contestant '{unknown[0]}'; there are: {keys}")
    return [c for c in contestants if not only or {c.key, c.name} & set(only)]


def build(contestant: Contestant, log: Path) -> bool:
    """Build it in its folder, unless it has been built. Return False if there was nothing to build.

    Raises LeagueError with the end of its log. Ctrl-C ends the build too.
    """
    if not contestant.build or contestant.folder is None:
        return False
    stamp, wanted = contestant.folder / STAMP, _fingerprint(contestant.folder)
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return False
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", contestant.build],
            cwd=contestant.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = process.wait(BUILD_SECONDS)
        except subprocess.TimeoutExpired:
            raise LeagueError(f"build took more than {BUILD_SECONDS:g} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code != 0:
        raise LeagueError(f"build failed: {last_lines(log, 3).strip()}")
    stamp.write_text(wanted, "utf-8")
    return True


def _fingerprint(folder: Path) -> str:
    """A digest of the program, its lock file and its example.yaml: all files directly in the folder."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != STAMP:
            found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
