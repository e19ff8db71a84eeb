"""Which processes of this machine belong to which command that was started, wherever they have gone since.

A daemon leaves its parent, its session and its process group, but it inherits the environment: the command's
mark finds it there, also after the process that started the command has been killed. A process that clears
its environment is found by its parent or by its session when it is first seen.
"""

import contextlib
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable

import psutil

# The environment variable with the mark of a command, which identifies one start of it.
MARK = "FAIRPOLL_PROCESS"
# A table this young is not read again, nor are all processes examined: commands often end together.
FRESH_SECONDS = 0.02
EXAMINED_SECONDS = 0.2


class ProcessTable:
    """The processes of commands by their marks. Safe to use from several threads.

    Only processes that were not there before are examined, so that reading takes about a millisecond.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[int] = set()
        self._owned: defaultdict[str, dict[int, psutil.Process]] = defaultdict(dict)
        self._leaders: dict[int, str] = {}
        self._read_at = self._examined_at = 0.0

    def add(self, mark: str, leader: int) -> None:
        """Note the process id of a command that was started, which leads a session of its own."""
        with self._lock:
            self._leaders[leader] = mark
            self._own(mark, leader)

    def forget(self, mark: str) -> None:
        """Forget a command, all processes of which have ended."""
        with self._lock:
            self._owned.pop(mark, None)
            self._leaders = {pid: one for pid, one in self._leaders.items() if one != mark}

    def processes(self, mark: str, *, again: bool = False) -> list[psutil.Process]:
        """The command's running processes, its leader first; `again` examines all processes once more."""
        with self._lock:
            if again and time.monotonic() >= self._examined_at + EXAMINED_SECONDS:
                self._seen.clear()
                self._examined_at, self._read_at = time.monotonic(), 0.0
            if time.monotonic() >= self._read_at + FRESH_SECONDS:
                self._read()
                self._read_at = time.monotonic()
            return [process for process in self._owned[mark].values() if is_running(process)]

    def _read(self) -> None:
        there = set(psutil.pids())
        for mark, owned in self._owned.items():
            self._owned[mark] = {pid: process for pid, process in owned.items() if is_running(process)}
        known = {pid: mark for mark, owned in self._owned.items() for pid in owned}
        # Parents usually have the lower ids; a child with a lower one is found in the next round.
        new = sorted(there - self._seen - known.keys())
        self._seen = there
        while found := {pid: mark for pid in new if (mark := self._mark_of(pid, known))}:
            for pid, mark in found.items():
                self._own(mark, pid)
            known |= found
            new = [pid for pid in new if pid not in found]

    def _mark_of(self, pid: int, known: dict[int, str]) -> str:
        """The mark of the command that the process belongs to, "" if to none."""
        try:
            process = psutil.Process(pid)
            session = self._leaders.get(os.getsid(pid), "")
            return session or known.get(process.ppid(), "") or _mark_in_environment(process)
        except (psutil.Error, OSError):
            return ""

    def _own(self, mark: str, pid: int) -> None:
        try:
            self._owned[mark][pid] = psutil.Process(pid)
        except psutil.NoSuchProcess:
            return


def marked(marks: Collection[str]) -> list[psutil.Process]:
    """The running processes whose environment has one of these marks."""
    everything = psutil.process_iter() if marks else ()
    return [process for process in everything if _mark_in_environment(process) in marks]


def all_ended(processes: Iterable[psutil.Process]) -> bool:
    return not any(map(is_running, processes))


def send_signal(number: signal.Signals, processes: Iterable[psutil.Process]) -> None:
    """Send the signal to those that are still running and ours."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def is_running(process: psutil.Process) -> bool:
    """Whether the process has not ended; a zombie has, although psutil's `is_running` counts it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _mark_in_environment(process: psutil.Process) -> str:
    """The mark in its environment; "" without one, and for a process of another user."""
    try:
        return process.environ().get(MARK, "")
    except (psutil.Error, OSError):
        return ""
