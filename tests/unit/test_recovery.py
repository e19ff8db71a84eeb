"""Recovery judged on tiny recordings; the proxy; torn ends of files; what a killed producer left in doubt."""

import socket
import threading
from pathlib import Path

import pytest

from fairpoll.base.errors import ClusterError
from fairpoll.checkers import judge
from fairpoll.cluster.local.faults import Network
from fairpoll.cluster.ports import HOST, free_ports
from fairpoll.consumers.sink import FileSink
from fairpoll.contract.events import truncate_partial_line
from histories import acked, consumer, delivered, recording


def fault(since: float, until: float | None = None, target: str = "broker") -> dict[str, object]:
    times = {"from_ms": since * 1000, "until_ms": (since if until is None else until) * 1000}
    return {"target": target, "what": f"harmed it at {since:g}", **times}


def recovery(*faults: dict[str, object], at: float, speed: float = 1.0) -> tuple[str, str]:
    """Two messages, sent at 9 and 12; the first delivered at once, the second at this second."""
    reads = consumer("async", delivered("low", 0, 9.1), delivered("low", 1, at))
    facts = {"start_ms": 0.0, "faults": faults}
    found = judge(
        "recovers_within", recording(acked("low", 9, 12), reads, facts=facts, speed=speed), "async", seconds=5
    )
    return found.status, found.measured


@pytest.mark.parametrize(
    ("faults", "at", "expected"),
    [
        ([fault(10)], 16, ("pass", "4.0 s")),  # from its ack on: it was sent after the fault
        ([fault(10)], 18, ("fail", "6.0 s")),
        ([fault(10, 15)], 18, ("pass", "3.0 s")),  # from the end of the fault on
        ([fault(10, 15)], 14, ("pass", "0.0 s")),  # delivered while it lasted
        ([fault(13)], 18.5, ("fail", "5.5 s")),  # it was waiting when the fault began
        ([fault(19)], 18, ("pass", "0.0 s")),  # long delivered
        ([fault(10), fault(17, 20)], 22, ("fail", "10.0 s")),  # it waits through both
        ([], 16, ("inconclusive", "0.0 s")),
    ],
)
def test_recovery(faults: list[dict[str, object]], at: float, expected: tuple[str, str]):
    assert recovery(*faults, at=at) == expected


def test_recovery_is_in_real_seconds():
    assert recovery(fault(1), at=52, speed=10) == ("pass", "4.0 s")


def test_a_message_never_delivered_waits_to_the_end():
    facts = {"start_ms": 0.0, "faults": [fault(10)], "stopped_ms": 30_000.0}
    found = judge(
        "recovers_within", recording(acked("low", 12), consumer("async"), facts=facts), "async", seconds=5
    )
    assert (found.status, found.measured) == ("fail", "18.0 s")
    assert found.sentence == (
        "async delivered again 18.0 s after harmed it at 10 (low/0@0), expected within 5 s"
    )


def test_what_a_killed_producer_left_in_doubt_is_not_missing_from_the_plan():
    # The plan is one burst of one message a topic; the second topic's was in doubt.
    reads = consumer("async", delivered("low", 0, 0.1))
    facts = {"start_ms": 0.0, "faults": [fault(10, 11, target="producer")]}
    for known, status in ((facts, "pass"), ({}, "inconclusive")):
        made = recording(acked("low", 0), reads, facts=known, failed_ids=frozenset({"r:high:0"}))
        assert judge("producer_kept_plan", made, "run").status == status


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b""), (b"a\n", b"a\n"), (b"a\nb", b"a\n"), (b"torn", b""), (b"x\n" + b"y" * 200_000, b"x\n")],
)
def test_a_torn_end_is_cut_off(before: bytes, after: bytes, tmp_path: Path):
    path = tmp_path / "f"
    path.write_bytes(before)
    truncate_partial_line(path)
    assert path.read_bytes() == after


def test_no_file_no_torn_end(tmp_path: Path):
    truncate_partial_line(tmp_path / "none")


def test_a_sink_goes_on_after_a_torn_line(tmp_path: Path):
    (tmp_path / "t.json").write_text('{"whole": 1}\n{"torn', "utf-8")
    with FileSink(tmp_path, {"t": "t.json"}, None):
        pass
    assert (tmp_path / "t.json").read_text("utf-8") == '{"whole": 1}\n'


class Echo:
    """A server on loopback that sends back what it gets."""

    def __init__(self) -> None:
        self._socket = socket.create_server((HOST, 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=[connection], daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        while data := connection.recv(65_536):
            connection.sendall(data)

    def close(self) -> None:
        self._socket.close()


def test_the_network_can_be_isolated_and_responses_dropped_and_delayed(tmp_path: Path):
    echo, (front,) = Echo(), free_ports(1)
    network = Network({1: (front, echo.port)}, tmp_path / "proxy.log")
    try:
        with socket.create_connection((HOST, front)) as client:
            client.settimeout(0.3)

            def reply(text: bytes) -> bytes:
                client.sendall(text)
                try:
                    return client.recv(100)
                except TimeoutError:
                    return b""

            assert reply(b"one") == b"one"
            network.send_command("isolate", 1)
            assert reply(b"two") == b""
            network.send_command("heal", 1)
            assert client.recv(100) == b"two"  # held back, not lost
            network.send_command("drop-responses", 1)
            assert reply(b"three") == b""
            network.send_command("heal", 1)
            assert client.recv(100) == b"three"
            network.send_command("delay", 1, "400")
            assert reply(b"four") == b""
            client.settimeout(5)
            assert client.recv(100) == b"four"
        with pytest.raises(ClusterError, match="broker 4 does not exist; the cluster has 1 to 1"):
            network.send_command("isolate", 4)
    finally:
        network.stop()
        echo.close()


def test_a_broker_that_is_gone_refuses_behind_the_proxy(tmp_path: Path):
    front, back = free_ports(2)
    network = Network({1: (front, back)}, tmp_path / "proxy.log")
    try:
        with socket.create_connection((HOST, front)) as client:
            client.settimeout(5)
            assert client.recv(1) == b""
    finally:
        network.stop()


def test_an_unknown_order_ends_the_proxy_with_an_error(tmp_path: Path):
    (front,) = free_ports(1)
    network = Network({1: (front, front)}, tmp_path / "proxy.log")
    with pytest.raises(ClusterError, match="ended on its own"):
        network.send_command("explode", 1)
    network.stop()
    assert "unknown command 'explode" in (tmp_path / "proxy.log").read_text("utf-8")
