"""Faults of the `local` cluster: signals to its processes, and a proxy between consumers and brokers."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fairpoll.base.errors import ClusterError
from fairpoll.cluster.base import BrokerFault
from fairpoll.cluster.local.broker import Broker
from fairpoll.cluster.ports import HOST

STOP_SECONDS = 20.0


class LocalFaults:
    """See `base.Faults`. Brokers are named by their node ids, 1 to 3; `launch` starts one that has ended."""

    def __init__(
        self, brokers: Sequence[Broker], launch: Callable[[Broker], None], network: "Network"
    ) -> None:
        self._brokers = brokers
        self._launch = launch
        self._network = network
        self.down: set[int] = set()

    def inject(self, fault: BrokerFault, node: int, seconds: float = 0.0) -> None:
        match fault:
            case "kill":
                process = self._end(node)
                process.kill()
                process.wait()
            case "stop":
                process = self._end(node)
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    raise ClusterError(f"broker {node} did not stop within {STOP_SECONDS:g} s") from None
            case "freeze":
                self._running(node).send_signal(signal.SIGSTOP)
            case _:
                self._network.send_command(fault, node, *([f"{seconds * 1000:g}"] if seconds else []))

    def heal(self, node: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process(node).send_signal(signal.SIGCONT)
        self._network.send_command("heal", node)

    def start(self, node: int) -> None:
        if self._process(node).poll() is not None:
            self._launch(self._broker(node))
            self.down.discard(node)

    def _end(self, node: int) -> subprocess.Popen[bytes]:
        """The process of a broker that is ended on purpose."""
        process = self._running(node)
        self.down.add(node)
        return process

    def _broker(self, node: int) -> Broker:
        for broker in self._brokers:
            if broker.node_id == node:
                return broker
        raise ClusterError(no_broker(node, len(self._brokers)))

    def _process(self, node: int) -> subprocess.Popen[bytes]:
        process = self._broker(node).process
        if process is None:
            raise ClusterError(f"broker {node} was never started")
        return process

    def _running(self, node: int) -> subprocess.Popen[bytes]:
        process = self._process(node)
        if process.poll() is not None:
            raise ClusterError(f"broker {node} is not running")
        return process


def no_broker(node: int, count: int) -> str:
    """The message for a node id that the cluster does not have."""
    return f"broker {node} does not exist; the cluster has 1 to {count}"


class Network:
    """The proxy's process; `ports` maps a broker's node id to (the proxy's port, the broker's own)."""

    def __init__(self, ports: Mapping[int, tuple[int, int]], log: Path) -> None:
        """Raises ClusterError when the proxy cannot listen."""
        self._ports = ports
        self._log = log
        pairs = [f"{front}:{back}" for front, back in ports.values()]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fairpoll.cluster.local.proxy", *pairs],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._expect("ready")

    @property
    def bootstrap_servers(self) -> str:
        """Where the brokers are reached through the proxy."""
        return ",".join(f"{HOST}:{front}" for front, _ in self._ports.values())

    def send_command(self, verb: str, node: int, *more: str) -> None:
        """Send the proxy one of its commands, and wait for its answer. Raises ClusterError."""
        if node not in self._ports:
            raise ClusterError(no_broker(node, len(self._ports)))
        line = " ".join([verb, str(self._ports[node][0]), *more])
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        self._expect(line)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def _expect(self, line: str) -> None:
        answer = self._process.stdout.readline().strip() if self._process.stdout else ""
        if answer != line:
            raise ClusterError(f"the proxy between consumers and brokers ended on its own; see {self._log}")
