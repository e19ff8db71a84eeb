"""Ports on loopback: free ones, and who holds one that is not."""

import socket

import psutil

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports without a listener; all are held open at the same time, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def is_free(port: int) -> bool:
    """Whether it can be bound now; what a closed connection still holds does not count."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((HOST, port))
        except OSError:
            return False
    return True


def listening_process(port: int) -> str:
    """The process that listens there, as `java (process 123)`; "" when this user may not know."""
    try:
        connections = psutil.net_connections("tcp")
        for one in connections:
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    except psutil.Error:
        pass
    return ""
