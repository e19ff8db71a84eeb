"""Ports on loopback: free ones, and the processes that hold others."""

import contextlib
import socket

import psutil

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Different ports without a listener."""
    with contextlib.ExitStack() as stack:
        # All are held open at the same time, so that they differ.
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def is_free(port: int) -> bool:
    """Whether the port can be bound now, also if a closed connection still holds it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def listening_process(port: int) -> str:
    """The process that listens there, as `java (process 123)`; "" if this user may not see it."""
    with contextlib.suppress(psutil.Error):
        for c in psutil.net_connections("tcp"):
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid:
                return f"{psutil.Process(c.pid).name()} (process {c.pid})"
    return ""
