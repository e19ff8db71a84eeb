"""Samples the memory and the CPU time of the consumers' processes."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil

from fairpoll.base.background import Repeating
from fairpoll.contract.events import EventWriter

# Often enough for the peak of a buffer that fills; a sample reads the list of all processes.
INTERVAL_SECONDS = 0.5


class UsageSampler(Repeating):
    """Use as a context; `processes` gives a consumer's running processes, all that it has started.

    Writes an event `memory` to `path` for each consumer that has any: `rss_bytes` of all of them together,
    and the `cpu_seconds` used by these and by those that have ended since the first sample.
    """

    def __init__(
        self, path: Path, consumers: Iterable[str], processes: Callable[[str], Sequence[psutil.Process]]
    ) -> None:
        super().__init__("usage-sampler", INTERVAL_SECONDS)
        # The other sampler appends to the same file; each event is one write.
        self._stream = path.open("a", encoding="utf-8")
        self._emit = EventWriter(self._stream)
        self._processes = processes
        # Consumer -> the CPU seconds of each process when it was last seen.
        self._cpu: dict[str, dict[psutil.Process, float]] = {name: {} for name in consumers}

    def tick(self) -> None:
        for name, cpu in self._cpu.items():
            processes = self._processes(name)
            rss = sum(_memory_bytes(process, shared=len(processes) > 1) for process in processes)
            for process in processes:
                cpu[process] = max(cpu.get(process, 0.0), _cpu_seconds(process))
            if rss:
                self._emit("memory", consumer=name, rss_bytes=rss, cpu_seconds=round(sum(cpu.values()), 2))

    def finish(self) -> None:
        self._stream.close()


def _memory_bytes(process: psutil.Process, *, shared: bool) -> int:
    """Resident memory; with `shared`, on Linux, each process has its part of what they share.

    Otherwise, the memory of a consumer that forks would count once for each process.
    """
    try:
        try:
            used = process.memory_full_info() if shared else process.memory_info()
        except psutil.AccessDenied:  # a process of another user, in a container
            used = process.memory_info()
    except psutil.Error:
        return 0
    return int(getattr(used, "pss", used.rss))


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(used.user + used.system)
