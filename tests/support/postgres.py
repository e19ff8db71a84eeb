"""A PostgreSQL of its own for a test, on loopback, with a password."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairpoll.cluster.ports import HOST, free_ports

PASSWORD = "hunter2"  # of a database that lives for one test, on loopback


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, which Debian does not put on the PATH; None without PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def postgres() -> Iterator[str]:
    """Start it, and give the address of its database without the password: `postgresql://...`."""
    folder = binaries()
    assert folder, "no PostgreSQL; on Debian: apt-get install postgresql"
    # It refuses to run as root.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    data = Path(tempfile.mkdtemp(prefix="fairpoll-postgres-"))
    if user:
        shutil.chown(data, "postgres")
    secret = data.parent / f"{data.name}.password"
    secret.write_text(PASSWORD, "utf-8")
    (port,) = free_ports(1)

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, timeout=60, cwd="/", **user)

    try:
        if user:
            shutil.chown(secret, "postgres")
        run(
            str(folder / "initdb"),
            "-D",
            str(data),
            "-U",
            "judge",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
        )
        options = f"-p {port} -h {HOST} -k {data}"
        run(str(folder / "pg_ctl"), "-D", str(data), "-l", str(data / "log"), "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://judge@{HOST}:{port}/postgres"
        finally:
            run(str(folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    finally:
        secret.unlink()
        shutil.rmtree(data)
