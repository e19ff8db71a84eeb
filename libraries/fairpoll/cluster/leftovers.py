"""The file in which a run notes what it has started, so that a later run can clear it (`cleanup`).

Each run keeps a small file with its own process, its children, its temporary folders and its Compose
projects. A process is known by its id and the moment it was created: an id alone may have been given to
another since.
"""

import contextlib
import json
import os
import threading
import uuid
from pathlib import Path

import psutil


def state_folder() -> Path:
    """Where running runs are written down; `XDG_STATE_HOME` is honoured."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "fairpoll" / "running"


class Registry:
    """The file of this run. Everything added is cleared by a later run if this one dies first."""

    def __init__(self) -> None:
        folder = state_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{uuid.uuid4().hex}.json"
        self._owner = _identity(os.getpid())
        self._processes: list[tuple[int, float]] = []
        self._folders: list[str] = []
        self._projects: list[str] = []
        # Experiments side by side start processes at the same time.
        self._lock = threading.Lock()
        self._write()

    def add_process(self, pid: int) -> None:
        """Note a child process; one that is gone already is passed over."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._processes.append(_identity(pid))
            self._write()

    def add_folder(self, folder: Path) -> None:
        """Note a temporary folder."""
        self._folders.append(str(folder))
        self._write()

    def add_project(self, project: str) -> None:
        """Note a Compose project."""
        self._projects.append(project)
        self._write()

    def forget_project(self, project: str) -> None:
        """It has been taken down, or is to stay."""
        if project in self._projects:
            self._projects.remove(project)
            self._write()

    def close(self) -> None:
        """The run has stopped what it started; nothing is left to clear."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        draft = self._path.with_suffix(".part")
        with self._lock:
            noted = {
                "owner": self._owner,
                "processes": self._processes,
                "folders": self._folders,
                "projects": self._projects,
            }
            draft.write_text(json.dumps(noted), "utf-8")
            draft.replace(self._path)


def _identity(pid: int) -> tuple[int, float]:
    return pid, psutil.Process(pid).create_time()
