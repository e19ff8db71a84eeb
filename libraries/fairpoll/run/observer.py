"""Observes from outside when the files of the consumers under test grow."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from fairpoll.base.clock import now_ms
from fairpoll.contract.events import EventWriter
from fairpoll.evidence.layout import EVENTS
from fairpoll.run.host import HostMonitor

if sys.platform == "linux":
    from inotify_simple import INotify, flags

# A file's size is known at least every 50 ms; the rest is for the observation itself on a busy machine.
INTERVAL_SECONDS = 0.04


class Observer(HostMonitor):
    """Use as a context; `files` need not exist yet. It measures the host's pauses as well.

    `sizes` has the last size of each file that exists, in bytes, by its path. Whenever any has changed, an
    event `files_grown` is written to `path`: at its `timestamp` these files had these `sizes`, and at `since`
    (milliseconds since the epoch) they did not. Files are named relative to the folder of `path`.
    """

    def __init__(self, path: Path, files: Iterable[Path]) -> None:
        super().__init__("observer", INTERVAL_SECONDS)
        self.sizes: dict[str, int] = {}
        self._stream = path.open("a", encoding="utf-8")
        self._emit = EventWriter(self._stream)
        self._names = {str(file): file.relative_to(path.parent).as_posix() for file in files}
        self._events = {file for file in self._names if file.endswith(f"/{EVENTS}")}
        self._changes = _Changes(self._names)
        self._looked_ms = now_ms()

    def tick(self) -> None:
        self.measure()
        begun_ms = now_ms()
        grown = {}
        # Events last: an assignment is observed no later than the records that were delivered after it.
        for file in (*self._changes.take() - self._events, *self._events):
            try:
                size = os.stat(file).st_size  # noqa: PTH116 (a Path for each of a thousand files takes longer)
            except FileNotFoundError:
                continue
            if self.sizes.get(file) != size:
                self.sizes[file] = grown[self._names[file]] = size
        if grown:
            self._emit("files_grown", since=self._looked_ms, sizes=grown)
        self._looked_ms = begun_ms

    def finish(self) -> None:
        self.tick()
        self._changes.close()
        self._stream.close()


class _Changes:
    """Which files may have changed: those that the kernel names on Linux, elsewhere all of them."""

    def __init__(self, files: Iterable[str]) -> None:
        self._folders: dict[str, dict[str, str]] = {}
        for file in files:
            folder, name = os.path.split(file)
            self._folders.setdefault(folder, {})[name] = file
        self._watched: dict[int, str] = {}
        self._kernel = _inotify()

    def take(self) -> set[str]:
        """The files that may have changed since the last call."""
        changed: set[str] = set()
        for event in self._kernel.read(timeout=0) if self._kernel else ():
            if event.mask & flags.Q_OVERFLOW:
                changed |= {f for folder in self._watched.values() for f in self._folders[folder].values()}
            elif file := self._folders[self._watched[event.wd]].get(event.name):
                changed.add(file)
        for folder in self._folders.keys() - self._watched.values():
            if Path(folder).exists():  # that of a second member comes later
                changed |= set(self._folders[folder].values())
                self._watch(folder)
        return changed

    def _watch(self, folder: str) -> None:
        if self._kernel:
            try:
                watch = self._kernel.add_watch(folder, flags.CREATE | flags.MODIFY | flags.MOVED_TO)
            except OSError:  # this user has no watch left: every file is checked from now on
                self.close()
                self._kernel = None
                self._watched.clear()
            else:
                self._watched[watch] = folder

    def close(self) -> None:
        if self._kernel:
            self._kernel.close()


def _inotify() -> "INotify | None":
    """The kernel's notifications; None where there are none, or none left for this user."""
    try:
        return INotify(nonblocking=True) if sys.platform == "linux" else None
    except OSError:
        return None
