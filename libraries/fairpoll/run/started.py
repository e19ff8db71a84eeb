"""A program of a run that was started, as a child process or in a container: its times, output and end."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import psutil

from fairpoll.base.command_line import remember_secrets, shown
from fairpoll.base.errors import ConsumerError
from fairpoll.base.logs import QUOTED_LINES, last_lines
from fairpoll.contract.events import truncate_partial_line
from fairpoll.evidence.facts import LeftProcess

# On SIGTERM a consumer finishes its current record, commits and leaves its group: seconds at most.
STOP_SECONDS = 15.0
# A killed process ends at once, unless it waits for a disk that does not answer.
KILLED_SECONDS = 5.0
# A run's events take some MB, at most a hundred; a program with far more output would fill the disk.
MOST_PRINTED_BYTES = 256 * 1024 * 1024


class StartedProcess(ABC):
    """A program with its standard output in `events` and its standard error in `log`.

    `started_ms` and `ended_ms` are the times of its start and end, `group_ended_ms` that of the last process
    of its process group, `terminated_ms` and `killed_ms` those at which it was first sent SIGTERM and SIGKILL
    while its group was running (milliseconds since the epoch, or None). `left` has the processes outside of
    the group that were still running when it had been stopped.
    """

    def __init__(self, name: str, command: Sequence[str], events: Path, log: Path) -> None:
        self.name = name
        self.command = tuple(command)
        remember_secrets(command)
        self.events = events
        self.log = log
        self.started_ms = 0.0
        self.ended_ms: float | None = None
        self.terminated_ms: float | None = None
        self.killed_ms: float | None = None
        self.group_ended_ms: float | None = None
        self.left: tuple[LeftProcess, ...] = ()
        self._over = threading.Event()

    def _prepare_files(self) -> None:
        """Make its folder; a line that its predecessor did not finish is removed."""
        self.events.parent.mkdir(parents=True, exist_ok=True)
        truncate_partial_line(self.events)

    @property
    @abstractmethod
    def pid(self) -> int:
        """The id of its first process on the machine that runs it."""

    @property
    @abstractmethod
    def exit_code(self) -> int | None:
        """Its exit code; None while it is running."""

    @property
    @abstractmethod
    def processes(self) -> list[psutil.Process]:
        """It and all its descendants that are running on this machine."""

    @abstractmethod
    def send_command(self, line: str) -> None:
        """Send one line to its standard input, if it has one and is running."""

    @abstractmethod
    def terminate(self) -> None:
        """SIGTERM, without waiting for its end: several programs then stop side by side."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL to it and its descendants, and wait for their end."""

    @abstractmethod
    def stop(self, timeout_seconds: float = STOP_SECONDS) -> bool:
        """SIGTERM, then SIGKILL after the timeout. Returns False if it was killed."""

    @abstractmethod
    def limit_files(self, most_bytes: int | None) -> None:
        """Limit the size of every file that it writes, like a full disk; None removes the limit.

        Raises ConsumerError where that is not possible.
        """

    @property
    def shown(self) -> str:
        """What was started, for messages; without secrets."""
        return shown(self.command)

    @property
    def running(self) -> bool:
        return not self._over.is_set()

    @property
    def ended_on_its_own(self) -> bool:
        """Whether it has ended without SIGTERM or SIGKILL from here."""
        return not self.running and self.terminated_ms is None and self.killed_ms is None

    def last_output(self, lines: int = QUOTED_LINES) -> str:
        """The end of its log, or of its events if the log is empty."""
        return last_lines(self._output, lines)

    @property
    def _output(self) -> Path:
        return self.log if self.log.stat().st_size else self.events

    def check(self) -> None:
        """Raise ConsumerError with the end of its log if it has ended, or has printed too much."""
        self.check_printed()
        if not self.running:
            raise ConsumerError(
                f"{self.name} ({self.shown}) ended on its own with exit code "
                f"{self.exit_code}; its last output ({self._output}):\n{self.last_output()}"
            )

    def check_printed(self) -> None:
        """Raise ConsumerError if its output is so large that it could fill the disk."""
        for path, stream in ((self.events, "output"), (self.log, "error")):
            if path.stat().st_size > MOST_PRINTED_BYTES:
                most = f"{MOST_PRINTED_BYTES / 2**20:g} MiB"
                raise ConsumerError(f"{self.name} has printed more than {most} on standard {stream} ({path})")
