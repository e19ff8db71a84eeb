"""Clears processes, folders and projects that killed runs left behind, by the files of `leftovers`."""

import contextlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from fairpoll.base.errors import ClusterError
from fairpoll.base.process_table import is_running, marked
from fairpoll.cluster.leftovers import Place, mentioned, state_folder

# psutil reads creation times in clock ticks; two readings of one process may differ by one.
SAME_CREATION_SECONDS = 0.05
KILL_WAIT_SECONDS = 5.0


def clear_leftovers() -> list[str]:
    """Kill the processes and remove the folders, Compose projects and containers of runs with a dead owner.

    Returns what was cleared. What an engine that does not answer has is left for a later run, and a run of
    another place, such as a container, for its own: whether its owner is dead cannot be seen from here.
    """
    cleared: list[str] = []
    for path, noted in _registries(here=True):
        if _find(noted["owner"]):
            continue
        for process in filter(None, map(_find, noted["processes"])):
            cleared.append(f"process {process.pid}")
            _kill(process)
        # What those have started, wherever it has gone.
        for process in marked(noted.get("marks", ())):
            cleared.append(f"process {process.pid}")
            _kill(process)
        for folder in noted["folders"]:
            if Path(folder).exists():
                cleared.append(folder)
                shutil.rmtree(folder, ignore_errors=True)
        try:
            cleared += _clear_projects(noted.get("projects", []))
            cleared += _clear_containers(noted.get("containers", []))
        except ClusterError:
            continue  # the file stays, for when the engine answers again
        path.unlink(missing_ok=True)
        mentioned(path).unlink(missing_ok=True)
    return cleared


def runs_elsewhere() -> list[str]:
    """A sentence for each registry of another place, the first time that it is seen."""
    sentences = []
    for path, noted in _registries(here=False):
        if not mentioned(path).exists():
            mentioned(path).touch()
            host = noted.get("place", {}).get("host", "")
            projects = [f"Compose project {name}" for name in noted.get("projects", [])]
            containers = [f"container {name}" for name in noted.get("containers", [])]
            started = ", ".join(noted["folders"] + projects + containers)
            sentences.append(
                f"left alone: {started or 'nothing'}, of a run on host {host} in another "
                f"container or before a reboot; if that run has ended, remove this and {path}"
            )
    return sentences


def _registries(*, here: bool) -> list[tuple[Path, dict[str, Any]]]:
    """The registries, with their files, of this place or of others."""
    found = []
    for path in sorted(state_folder().glob("*.json")):
        try:
            noted = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue  # a running run is writing it, or another run has just cleared it
        if (noted.get("place") == asdict(Place.here())) == here:
            found.append((path, noted))
    return found


def _clear_projects(projects: list[str]) -> list[str]:
    if not projects:
        return []
    # Imported here: the Docker SDK is needed, and installed, only with Compose.
    from fairpoll.cluster.compose.engine import remove_project  # noqa: PLC0415

    return [f"Compose project {project}" for project in projects if remove_project(project)]


def _clear_containers(names: list[str]) -> list[str]:
    if not names:
        return []
    from fairpoll.cluster.compose.engine import remove_container  # noqa: PLC0415 - as above

    return [f"container {name}" for name in names if remove_container(name)]


def _kill(process: psutil.Process) -> None:
    """Kill it with its children: a command may be a shell that runs the real consumer."""
    with contextlib.suppress(psutil.NoSuchProcess):
        processes = [process, *process.children(recursive=True)]
        for each in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(processes, KILL_WAIT_SECONDS)


def _find(identity: tuple[int, float]) -> psutil.Process | None:
    pid, created = identity
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < SAME_CREATION_SECONDS
        return process if same and is_running(process) else None
    except psutil.NoSuchProcess:
        return None
