"""Observes from outside when the files of the consumers under test grow."""

from collections.abc import Iterable
from pathlib import Path

from fairpoll.base.clock import now_ms
from fairpoll.contract.events import EventWriter
from fairpoll.run.host import HostMonitor

# A file's size is known at least every 50 ms; the rest is for the observation itself on a busy machine.
INTERVAL_SECONDS = 0.04


class Observer(HostMonitor):
    """Use as a context; `files` need not exist yet. It measures the host's pauses as well.

    `sizes` has the last size of each file that exists, in bytes. Whenever any has changed, an event
    `files_grown` is written to `path`: at its `timestamp` these files had these `sizes`, and at `since`
    (milliseconds since the epoch) they did not. Files are named relative to the folder of `path`.
    """

    def __init__(self, path: Path, files: Iterable[Path]) -> None:
        super().__init__("observer", INTERVAL_SECONDS)
        self.sizes: dict[Path, int] = {}
        self._stream = path.open("a", encoding="utf-8")
        self._emit = EventWriter(self._stream)
        self._folders: dict[Path, list[tuple[Path, str]]] = {}
        for file in files:
            name = file.relative_to(path.parent).as_posix()
            self._folders.setdefault(file.parent, []).append((file, name))
        self._looked_ms = now_ms()

    def tick(self) -> None:
        self.measure()
        begun_ms = now_ms()
        grown = {}
        for folder, files in self._folders.items():
            if not folder.exists():
                continue  # no second member has come yet; its files need not be looked for
            for file, name in files:
                try:
                    size = file.stat().st_size
                except FileNotFoundError:
                    continue
                if self.sizes.get(file) != size:
                    self.sizes[file] = grown[name] = size
        if grown:
            self._emit("files_grown", since=self._looked_ms, sizes=grown)
        self._looked_ms = begun_ms

    def finish(self) -> None:
        self.tick()
        self._stream.close()
