"""What a run has started, written down, so that the next run can clear it when this one is killed.

Each run keeps a small file with its own process, its children, its temporary folders and its Compose
projects. A process is known by its id and the moment it was created: an id alone may have been given to
another since.
"""

import contextlib
import json
import os
import shutil
import threading
import uuid
from pathlib import Path

import psutil

from fairpoll.base.errors import ClusterError

# psutil reads creation times in clock ticks; two readings of one process may differ by one.
SAME_CREATION_SECONDS = 0.05
KILL_WAIT_SECONDS = 5.0


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


def clear_leftovers() -> list[str]:
    """Kill the processes and remove the folders and Compose projects of runs whose owner is dead.

    Tells what was cleared. A project whose engine does not answer is left for a later run.
    """
    cleared: list[str] = []
    for path in sorted(state_folder().glob("*.json")):
        try:
            noted = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue  # being written by a run that lives, or cleared by another run just now
        if _find(noted["owner"]):
            continue
        for identity in noted["processes"]:
            if process := _find(identity):
                cleared.append(f"process {process.pid}")
                _kill(process)
        for folder in noted["folders"]:
            if Path(folder).exists():
                cleared.append(folder)
                shutil.rmtree(folder, ignore_errors=True)
        try:
            cleared += _clear_projects(noted.get("projects", []))
        except ClusterError:
            continue  # the file stays, for when the engine answers again
        path.unlink(missing_ok=True)
    return cleared


def _clear_projects(projects: list[str]) -> list[str]:
    if not projects:
        return []
    # Only here: who never used Compose need not load the Docker SDK.
    from fairpoll.cluster.compose.engine import remove_project  # noqa: PLC0415

    return [f"Compose project {project}" for project in projects if remove_project(project)]


def _kill(process: psutil.Process) -> None:
    """With its children: a command may be a shell with the real consumer inside."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, KILL_WAIT_SECONDS)


def _identity(pid: int) -> tuple[int, float]:
    return pid, psutil.Process(pid).create_time()


def _find(identity: tuple[int, float]) -> psutil.Process | None:
    pid, created = identity
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < SAME_CREATION_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
