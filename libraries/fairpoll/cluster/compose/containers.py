"""The containers of one Compose project: their health, their logs, and why they are not healthy."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from fairpoll.base.errors import ClusterError, DeadlineError
from fairpoll.base.logs import QUOTED_LINES
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.compose.engine import containers_of, engine, service_of

# Each check is one request to the engine for each container.
HEALTH_INTERVAL_SECONDS = 0.5


class ProjectContainers:
    """A project's containers, asked through an engine's client; their logs go to `log_folder`."""

    def __init__(self, project: str, log_folder: Path) -> None:
        self._project = project
        self._log_folder = log_folder

    def wait_until_healthy(self, client: Any, services: Collection[str], seconds: float) -> None:
        """Wait for these services; fail at once if one has ended. Raises ClusterError."""

        def healthy() -> bool:
            states = self.states(client)
            ended = [s for s, state in states.items() if state.startswith(("exited", "dead"))]
            if ended:
                raise ClusterError(f"{ended[0]} ended while starting{self.why(client)}")
            return all(states.get(service) == "healthy" for service in services)

        try:
            wait_until(healthy, seconds, "health", interval_seconds=HEALTH_INTERVAL_SECONDS)
        except DeadlineError:
            raise ClusterError(
                f"{_named(services)} not ready: not healthy within {seconds:g} s{self.why(client)}"
            ) from None

    def states(self, client: Any) -> dict[str, str]:
        """Service -> healthy, unhealthy, starting; or the container's state if it is not running."""
        states = {}
        for container in containers_of(client, self._project):
            state = container.attrs["State"]
            health = state.get("Health", {}).get("Status", "running")
            status = str(state["Status"])
            code = f" with exit code {state['ExitCode']}" if status == "exited" else ""
            states[service_of(container)] = health if status == "running" else status + code
        return states

    def why(self, client: Any) -> str:
        """Each unhealthy service with the last lines of its log; the whole log is kept."""
        self.collect_logs()
        reasons = []
        for service, state in self.states(client).items():
            if state != "healthy":
                log = self._log_folder / f"{service}.log"
                reasons.append(f"\n{service} is {state}; its log ({log}) ends with\n{_last_words(log)}")
        return ":" + "".join(reasons) if reasons else ""

    def collect_logs(self) -> None:
        """Write the whole log of each container to a file named after its service."""
        with engine() as client:
            for container in containers_of(client, self._project):
                log = self._log_folder / f"{service_of(container)}.log"
                log.write_bytes(container.logs(timestamps=True))


def _last_words(log: Path) -> str:
    """The end of a container's log, without the engine's timestamps and without Java's stack frames."""
    lines = [line.partition(" ")[2] for line in log.read_text("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("at ")]
    return "\n".join(f"  {line[:300]}" for line in lines[-QUOTED_LINES:]) or "  (nothing)"


def _named(services: Collection[str]) -> str:
    return "Kafka UI" if "kafka-ui" in services else "Kafka"
