"""The registry of a run: a small file from which a later run clears what a killed one left (`cleanup`).

It lists the run's own process, its children, temporary folders, Compose projects and containers. A process is
identified by its id and its creation time, because an id may be used again, and by its place, because
containers and machines may share the folder of the registries.
"""

import contextlib
import json
import os
import platform
import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


def state_folder() -> Path:
    """The folder of the registries of running runs, in `XDG_STATE_HOME`."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "fairpoll" / "running"


def mentioned(registry: Path) -> Path:
    """The file that exists when a run of another place has mentioned this registry to its user."""
    return registry.with_suffix(".mentioned")


@dataclass(frozen=True)
class Place:
    """Where process ids hold: host, boot, pid namespace. The last two are "" on systems other than Linux."""

    host: str
    boot: str
    pid_namespace: str

    @classmethod
    def here(cls) -> "Place":
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
            return cls(platform.node(), boot, str(Path("/proc/self/ns/pid").readlink()))
        except OSError:
            return cls(platform.node(), "", "")


class Registry(contextlib.AbstractContextManager["Registry", None]):
    """What this run has started: `close` stops it; if the run is killed, a later one clears it by this file.

    As a context it closes at the end of the block.
    """

    def __init__(self) -> None:
        folder = state_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{uuid.uuid4().hex}.json"
        self._noted: dict[str, Any] = {
            "place": asdict(Place.here()),
            "owner": _identity(os.getpid()),
            **{"processes": [], "marks": [], "folders": [], "projects": [], "containers": []},
        }
        self._stops = contextlib.ExitStack()
        # Experiments side by side start processes at the same time.
        self._lock = threading.Lock()
        self._write()

    def add_process(self, pid: int, mark: str = "") -> None:
        """Note a child process, unless it has ended already, and the mark of its descendants.

        The mark is kept in any case: a daemon that it has started may be running.
        """
        if mark:
            self._note("marks", mark)
        with contextlib.suppress(psutil.NoSuchProcess):
            self._note("processes", _identity(pid))

    def add_folder(self, folder: Path) -> None:
        """Note a temporary folder."""
        self._note("folders", str(folder))

    def add_project(self, project: str) -> None:
        """Note a Compose project."""
        self._note("projects", project)

    def add_container(self, name: str) -> None:
        """Note the name of a container, before it is created."""
        self._note("containers", name)

    def forget_project(self, project: str) -> None:
        """Remove a Compose project, which has been taken down or must be kept."""
        if project in self._noted["projects"]:
            self._noted["projects"].remove(project)
            self._write()

    def at_end(self, stop: Callable[..., object], *arguments: object) -> None:
        """Have `close` call this function, before those that were added earlier."""
        self._stops.callback(stop, *arguments)

    def close(self) -> None:
        """Stop all that was added, the last first, also after an error; then delete the file.

        The error is raised when all were called; the file then stays, for a later run.
        """
        self._stops.close()
        self._path.unlink(missing_ok=True)
        mentioned(self._path).unlink(missing_ok=True)

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _note(self, kind: str, entry: object) -> None:
        self._noted[kind].append(entry)
        self._write()

    def _write(self) -> None:
        draft = self._path.with_suffix(".part")
        with self._lock:
            draft.write_text(json.dumps(self._noted), "utf-8")
            draft.replace(self._path)


def _identity(pid: int) -> tuple[int, float]:
    return pid, psutil.Process(pid).create_time()
