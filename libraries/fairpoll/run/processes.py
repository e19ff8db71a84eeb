"""Child processes of a run: output to files, commands on standard input, stopped with their descendants."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from fairpoll.base import clock
from fairpoll.base.command_line import shown
from fairpoll.base.errors import ClusterError, ConsumerError, DeadlineError
from fairpoll.base.process_table import MARK, ProcessTable, all_ended, is_running, send_signal
from fairpoll.base.text import plain
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.subject import Subject
from fairpoll.evidence.facts import LeftProcess
from fairpoll.run.startable import containers, services
from fairpoll.run.started import KILLED_SECONDS, STOP_SECONDS, StartedProcess

# A command may stop a process outside of its group; one that is running after this time was left behind.
LEFT_SECONDS = 2.0
# Intervals in which the end of its group is awaited, before and after it is asked to stop.
WAIT_SECONDS, STOPPING_SECONDS = 0.25, 0.02
# A longer command line would hide the rest of a sentence.
COMMAND_CHARACTERS = 100
# Shared by all commands, also of experiments side by side: reading the machine's processes takes time.
_TABLE = ProcessTable()


class ChildProcess(StartedProcess):
    """A child with its standard output in `events`, its standard error in `log`, commands on standard input.

    It runs in a session of its own, out of reach of Ctrl-C. If this process is killed, the child's standard
    input ends, on which the built-in programs stop. Raises ConsumerError if it cannot be started.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], events: Path, log: Path
    ) -> None:
        super().__init__(name, command, events, log)
        self.mark = uuid.uuid4().hex
        self._stopped = False
        self._asked = threading.Event()
        self._group_over = threading.Event()
        if not self.command or not self.command[0]:
            raise ConsumerError(f"{name} cannot be started: its command is empty")
        self._prepare_files()
        with events.open("ab") as output, log.open("ab") as errors:
            try:
                self._process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=errors,
                    env={**os.environ, **environment, MARK: self.mark},
                    start_new_session=True,
                )
            except OSError as error:
                raise ConsumerError(f"{name} cannot be started: {command[0]}: {error.strerror}") from None
        self.started_ms = clock.now_ms()
        _TABLE.add(self.mark, self.pid)
        threading.Thread(target=self._wait, name=f"end of {name}", daemon=True).start()

    def _wait(self) -> None:
        """Take the times of its end and its group's when they happen, not when somebody asks."""
        self._process.wait()
        self.ended_ms = clock.now_ms()
        self._over.set()
        while any(map(self._in_group, self.processes)):
            if self._asked.wait(WAIT_SECONDS):
                time.sleep(STOPPING_SECONDS)
        self.group_ended_ms = clock.now_ms()
        self._group_over.set()

    @property
    def processes(self) -> list[psutil.Process]:
        """It and all its descendants that are running, also those that have left its process group."""
        return _TABLE.processes(self.mark)

    def _in_group(self, process: psutil.Process) -> bool:
        try:
            return os.getpgid(process.pid) == self.pid
        except ProcessLookupError:
            return False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or the number of the signal that ended it, negative; None while it is running."""
        return None if self.running else self._process.returncode

    def send_command(self, line: str) -> None:
        """Send one line to its standard input. Does nothing if the child has ended, which `check` reports."""
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError, ValueError):
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL to it and its descendants, and wait for their end."""
        if self._stopped:
            return
        self._stopped = True
        if self.running or (self.terminated_ms is not None and not self._group_over.is_set()):
            self.killed_ms = clock.now_ms()
        self._asked.set()

        def ended() -> bool:
            # Each time anew: a process may have been started while the others were killed.
            processes = self.processes
            send_signal(signal.SIGKILL, processes)
            return all_ended(processes)

        with contextlib.suppress(DeadlineError):
            wait_until(ended, KILLED_SECONDS, f"the processes of {self.name} to end", interval_seconds=0.01)
        self._group_over.wait(KILLED_SECONDS)
        _TABLE.forget(self.mark)
        if self._process.stdin:
            with contextlib.suppress(OSError):  # a command that was never read
                self._process.stdin.close()

    def limit_files(self, most_bytes: int | None) -> None:
        """Limit the size of every file that the process writes, like a full disk; None removes the limit.

        Raises ConsumerError on systems other than Linux.
        """
        if not hasattr(resource, "prlimit"):
            raise ConsumerError("only Linux can limit the files of another process; this fault needs it")
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
            soft = hard if most_bytes is None else most_bytes
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, hard))

    def terminate(self) -> None:
        """SIGTERM, without waiting for its end: several children then stop side by side.

        Sent to its group, as a shell or a supervisor does; a command may be a shell with the real consumer
        inside. Sent once: a second signal can interrupt the consumer's handler of the first.
        """
        if self._asked.is_set():
            return
        self._asked.set()
        if self.running:
            self.terminated_ms = clock.now_ms()
        if not self._group_over.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGTERM)

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> bool:
        """SIGTERM, then SIGKILL after the timeout. Returns False if it was killed.

        Processes outside of its group have LEFT_SECONDS to end after it; then they are noted in `left`, and
        get the signals.
        """
        self.terminate()
        deadline = time.monotonic() + timeout_seconds
        try:
            if not self._group_over.wait(timeout_seconds):
                return False
            self._end_those_left(deadline)
            return True
        finally:
            self.kill()
            if self._process.stdin:
                self._process.stdin.close()

    def _end_those_left(self, deadline: float) -> None:
        """Note and stop the processes outside of the group, which has ended."""
        assert self.group_ended_ms is not None
        since_end = (clock.now_ms() - self.group_ended_ms) / 1000
        processes = _TABLE.processes(self.mark, again=True)
        _wait_for_end(processes, LEFT_SECONDS - since_end)
        left = [process for process in processes if is_running(process)]
        self.left += tuple(map(_described, left))
        send_signal(signal.SIGTERM, left)
        _wait_for_end(left, deadline - time.monotonic())


def _wait_for_end(processes: Sequence[psutil.Process], seconds: float) -> None:
    with contextlib.suppress(DeadlineError):
        wait_until(lambda: all_ended(processes), seconds, "processes to end")


def _described(process: psutil.Process) -> LeftProcess:
    try:
        command = plain(shown(process.cmdline()) or process.name())
    except psutil.Error:
        command = "unknown"
    short = command if len(command) <= COMMAND_CHARACTERS else f"{command[:COMMAND_CHARACTERS]}..."
    return LeftProcess(process.pid, short)


class ChildProcesses:
    """All child processes and containers of a run. As a context it stops them, without delay on ClusterError.

    `started` has them in their order. `registry` notes them, so that a later run can clear them when this one
    is killed.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = registry
        self.started: list[StartedProcess] = []
        self._projects: dict[str, Any] = {}

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], events: Path, log: Path
    ) -> ChildProcess:
        """Start a ChildProcess. Raises ConsumerError."""
        process = ChildProcess(name, command, environment, events, log)
        self.started.append(process)
        if self._registry:
            self._registry.add_process(process.pid, process.mark)
        return process

    def start_consumer(
        self, name: str, consumer: Subject, environment: Mapping[str, str], events: Path, log: Path
    ) -> StartedProcess:
        """Start a process of the consumer, here or in a container. Raises FairpollError."""
        if not consumer.is_contained:
            return self.start(name, consumer.command, environment, events, log)
        environment = {**environment, **{key: os.environ[key] for key in consumer.environment}}
        rest = (consumer.command, environment, events, log)
        process: StartedProcess
        if consumer.service:
            project = self._project_of(consumer)
            process = services().ServiceProcess(name, project, *rest, registry=self._registry)
        else:
            process = containers().ContainerProcess(name, consumer.image, *rest, registry=self._registry)
        self.started.append(process)
        return process

    def _project_of(self, consumer: Subject) -> Any:
        """The Compose project of the consumer's service, which is removed by `stop`."""
        if consumer.name not in self._projects:
            project = services().ServiceProject(consumer.service, consumer.file, self._registry)
            self._projects[consumer.name] = project
        return self._projects[consumer.name]

    def apart(self) -> "ChildProcesses":
        """No processes yet, and the same registry: for those that are stopped after these."""
        return ChildProcesses(self._registry)

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Stop all at the same time, the last one first; kill those that are running after the timeout.

        An error is raised when all are stopped.
        """
        deadline = time.monotonic() + timeout_seconds

        def stop(process: StartedProcess) -> None:
            process.stop(max(0.0, deadline - time.monotonic()))

        with contextlib.ExitStack() as stack:
            for project in self._projects.values():
                stack.callback(project.remove)
            for process in self.started:
                stack.callback(stop, process)
            for process in reversed(self.started):
                process.terminate()

    def __enter__(self) -> "ChildProcesses":
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        # Without brokers, clients would spend the whole timeout on their last commit.
        self.stop(0.0 if isinstance(error, ClusterError) else STOP_SECONDS)
