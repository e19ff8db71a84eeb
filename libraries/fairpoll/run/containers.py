"""Consumers in containers of a Docker engine on this machine."""

import contextlib
import resource
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
import psutil
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig

from fairpoll.base import clock
from fairpoll.base.errors import ConsumerError
from fairpoll.base.process_table import is_running
from fairpoll.cluster.compose.engine import engine, is_here, reason_of
from fairpoll.cluster.leftovers import Registry
from fairpoll.contract.client_config import PREFIX
from fairpoll.run.started import KILLED_SECONDS, STOP_SECONDS, StartedProcess

# The label of all containers of runs, with the name of the consumer.
LABEL = "fairpoll.consumer"
INSTEAD = "or run the consumer as a command, without IMAGE"
# A property of a Kafka client that names a file, such as the certificates to trust.
LOCATION = "_LOCATION"


def require_image(image: str, progress: Callable[[str], None]) -> None:
    """Pull the image unless the engine has it. Raises FairpollError if there is no engine or no image."""
    with engine(INSTEAD) as client:
        if is_here(client, image):
            return
        progress(f"pulling {image}, once")
        try:
            client.images.pull(image)
        except DockerException as error:
            raise ConsumerError(
                f"IMAGE: {image} is not on this Docker engine and cannot be pulled: {reason_of(error)}"
            ) from None


class ContainerProcess(StartedProcess):
    """A container of the image, with the network of this machine and its folder mounted at the same path.

    `command` replaces that of the image, () does not. `environment` is all that it gets: it reaches the
    engine by its API, in no argument list, and files that it names for a Kafka client are mounted. Nothing
    outlives a container: `left` is empty. Raises ConsumerError if it cannot be started, and ClusterError.

    Its name is noted in the registry before it is created, so that nothing of a killed run is left.
    """

    def __init__(
        self,
        name: str,
        image: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        events: Path,
        log: Path,
        *,
        registry: Registry | None = None,
    ) -> None:
        super().__init__(name, command, events, log)
        self.image = image
        self.container = f"fairpoll-{uuid.uuid4().hex[:12]}"
        self._exit_code: int | None = None
        self._stopped = False
        self._prepare_files()
        # The user of the image is often not the one of this process.
        events.parent.chmod(0o777)
        for path in (events, log):
            path.touch()
        if registry:
            registry.add_container(self.container)
        with engine(INSTEAD) as client:
            try:
                self._start(client, environment)
            except ImageNotFound:
                raise ConsumerError(f"{name} cannot be started: the engine has no image {image}") from None
            except APIError as error:
                self._remove()
                raise ConsumerError(f"{name} cannot be started: {image}: {reason_of(error)}") from None

    def _start(self, client: Any, environment: Mapping[str, str]) -> None:
        folder, files = self.events.parent, _files_of(environment)
        mounted = [f"{folder}:{folder}", *(f"{file}:{file}:ro" for file in sorted(set(files.values())))]
        container = self._create(client, {**environment, **files}, mounted)
        self._signal = container.attrs["Config"].get("StopSignal") or "SIGTERM"
        # A client of its own, without a time limit: it reads as long as the container runs.
        follower = docker.from_env(timeout=None)
        try:
            output = follower.api.attach(self.container, stream=True, demux=True)
            container.start()
        except BaseException:
            follower.close()
            raise
        self.started_ms = clock.now_ms()
        container.reload()
        self._pid = int(container.attrs["State"]["Pid"])
        self._is_here = _is_of(self._pid, container.id)
        threading.Thread(
            target=self._follow, args=(follower, output), name=f"output of {self.name}", daemon=True
        ).start()

    def _create(self, client: Any, environment: Mapping[str, str], mounted: Sequence[str]) -> Any:
        return client.containers.create(
            self.image,
            list(self.command) or None,
            name=self.container,
            environment=environment,
            labels={LABEL: self.name},
            network_mode="host",
            volumes=list(mounted),
            # Its output is read as it is printed; the engine keeps no second copy.
            log_config=LogConfig(type="none"),
        )

    def _follow(self, follower: Any, output: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Copy what it prints, and take the time of its end when it happens."""
        # An engine that is stopped meanwhile ends its containers too.
        with contextlib.suppress(DockerException, requests.RequestException, OSError):
            with self.events.open("ab", buffering=0) as events, self.log.open("ab", buffering=0) as log:
                for printed, complained in output:
                    events.write(printed or b"")
                    log.write(complained or b"")
            self._exit_code = int(follower.api.wait(self.container, timeout=None)["StatusCode"])
        self.ended_ms = self.group_ended_ms = clock.now_ms()
        self._over.set()
        follower.close()

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, which is 128 and the number of a signal that ended it; None while it is running."""
        return self._exit_code

    @property
    def shown(self) -> str:
        return f"{self.image} {super().shown}".strip()

    @property
    def processes(self) -> list[psutil.Process]:
        """All running processes of the container; none if its engine runs on another kernel, as in a VM."""
        if not (self.running and self._is_here):
            return []
        # Its first process adopts those whose parent has ended.
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self._pid)
            return [one for one in (first, *first.children(recursive=True)) if is_running(one)]
        return []

    def send_command(self, line: str) -> None:
        """Do nothing: a container has no standard input."""

    def terminate(self) -> None:
        """The image's STOPSIGNAL, by default SIGTERM, to the container's first process, as by `docker stop`.

        Sent once; does not wait for the end.
        """
        if self.running and self.terminated_ms is None and self.killed_ms is None:
            self.terminated_ms = clock.now_ms()
            self._send(self._signal)

    def kill(self) -> None:
        """SIGKILL to all processes of the container, and wait for their end."""
        if self.running and self.killed_ms is None:
            self.killed_ms = clock.now_ms()
            self._send("SIGKILL")
            self._over.wait(KILLED_SECONDS)

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> bool:
        """Stop it and remove the container. Returns False if it was killed."""
        try:
            self.terminate()
            return self._over.wait(timeout_seconds)
        finally:
            with contextlib.ExitStack() as stack:
                stack.callback(self._remove)
                self.kill()

    def limit_files(self, most_bytes: int | None) -> None:
        if not self._is_here:
            raise ConsumerError("only Linux can limit the files of a container; this fault needs it")
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                soft = hard if most_bytes is None else most_bytes
                try:
                    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (soft, hard))
                except PermissionError:
                    raise ConsumerError(
                        "only root can limit the files of a container; this fault needs it"
                    ) from None

    def _send(self, signal: str) -> None:
        # A container that has ended meanwhile refuses signals.
        with engine(INSTEAD) as client, contextlib.suppress(APIError):
            client.api.kill(self.container, signal)

    def _remove(self) -> None:
        if self._stopped:
            return
        with engine(INSTEAD) as client, contextlib.suppress(NotFound):
            client.api.remove_container(self.container, v=True, force=True)
        self._stopped = True


def _files_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that name an existing file for a Kafka client, with its absolute path."""
    return {
        name: str(Path(value).resolve())
        for name, value in environment.items()
        if name.startswith(PREFIX) and name.endswith(LOCATION) and Path(value).is_file()
    }


def _is_of(pid: int, container: str) -> bool:
    """Whether the process of this machine with this id runs in the container."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text("ascii")
    except OSError:
        return False
