"""Does the harness itself endure? Interrupted at random, two at once, started and stopped again and again.

    python benchmarks/endure.py interrupts --runs 20
    python benchmarks/endure.py pairs --runs 3
    python benchmarks/endure.py cycles --runs 50

Looks, after each, for processes and temporary files that were left (no process, no port), and at the memory
and the open files of this process. Exit code 1 when anything was left, or anything went wrong.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import click
import psutil

from fairpoll.cluster import ClusterOptions, open_cluster
from fairpoll.cluster.leftovers import Registry, state_folder

SUITES = Path(__file__).parent.parent / "suites"
# A run begins with imports, cluster and backlog, then comes the traffic: interrupts fall into all of it.
LONGEST_SECONDS = 14.0
END_SECONDS = 60.0
# Stands in the environment of all that a look is about.
MARK = "FAIRPOLL_ENDURE"
cluster_option = click.option("--cluster", default="mock", show_default=True, help="On which cluster.")


@click.group()
def main() -> None:
    """See whether the harness itself endures."""


@main.command()
@click.option("--runs", default=20, show_default=True)
@click.option("--seed", default="", help="Of the moments; printed. Default: a new one.")
@cluster_option
def interrupts(runs: int, seed: str, cluster: str) -> None:
    """Ctrl-C at random moments."""
    seed = seed or f"{random.SystemRandom().randrange(2**32):08x}"
    click.echo(f"seed {seed}")
    chance, wrong = random.Random(seed), 0
    for number in range(1, runs + 1):
        after = chance.uniform(0.2, LONGEST_SECONDS)
        with watched() as left, tempfile.TemporaryDirectory() as output:
            robot = subprocess.Popen(_command(output, cluster), stdout=subprocess.DEVNULL)
            time.sleep(after)
            robot.send_signal(signal.SIGINT)
            asked = time.monotonic()
            try:
                code: int | str = robot.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                robot.kill()
                code = f"did not end within {END_SECONDS:g} s"
            took = time.monotonic() - asked
        wrong += bool(left) or isinstance(code, str)
        click.echo(
            f"{number:2}: Ctrl-C after {after:4.1f} s, ended {took:4.1f} s later ({code}); {_told(left)}"
        )
    _end(wrong)


@main.command()
@click.option("--runs", default=3, show_default=True)
@cluster_option
def pairs(runs: int, cluster: str) -> None:
    """Two whole runs at once on one machine."""
    wrong = 0
    for number in range(1, runs + 1):
        with watched() as left, tempfile.TemporaryDirectory() as output:
            two = [
                subprocess.Popen(_command(f"{output}/{n}", cluster), stdout=subprocess.DEVNULL)
                for n in (1, 2)
            ]
            codes = [robot.wait() for robot in two]
        wrong += bool(left) or any(codes)
        click.echo(f"{number:2}: {codes[0]} and {codes[1]} tests failed; {_told(left)}")
    _end(wrong)


@main.command()
@click.option("--runs", default=50, show_default=True)
@cluster_option
def cycles(runs: int, cluster: str) -> None:
    """Start a cluster, make a topic, stop it."""
    wrong = 0
    memory: list[float] = []
    files: list[int] = []
    for number in range(1, runs + 1):
        with watched() as left, tempfile.TemporaryDirectory() as output:
            registry = Registry()
            started = open_cluster(cluster, ClusterOptions(Path(output)), registry, warn=click.echo)
            started.create_topics({"t": 1})
            started.stop()
            registry.close()
        wrong += bool(left)
        memory.append(psutil.Process().memory_info().rss / 2**20)
        files.append(psutil.Process().num_fds())
        click.echo(f"{number:2}: {memory[-1]:.1f} MiB, {files[-1]} files open; {_told(left)}")
    # Half way everything has been loaded that ever will be.
    middle = len(memory) // 2
    click.echo(
        f"over the second half memory grew by {memory[-1] - memory[middle]:.1f} MiB, "
        f"open files by {files[-1] - files[middle]}"
    )
    _end(wrong + (files[-1] > files[middle]))


@contextmanager
def watched() -> Iterator[list[str]]:
    """Everything started within carries a mark; the list is filled, at the end, with what of it is left."""
    left: list[str] = []
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="fairpoll-endure-") as folder:
        temporary, state = Path(folder, "tmp"), Path(folder, "state")
        temporary.mkdir()
        ours = {MARK: mark, "TMPDIR": str(temporary), "XDG_STATE_HOME": str(state)}
        with mock.patch.dict(os.environ, ours), mock.patch.object(tempfile, "tempdir", str(temporary)):
            yield left
            time.sleep(0.5)  # what has just been killed is taken off the list of processes
            left += [f"folder {path}" for path in temporary.iterdir()]
            left += [f"note {path.name}" for path in state_folder().glob("*.json")]
    left += [f"process {p.pid} {' '.join(p.cmdline())[:60]}" for p in psutil.process_iter() if _has(p, mark)]


def _has(process: psutil.Process, mark: str) -> bool:
    try:
        return process.pid != os.getpid() and process.environ().get(MARK) == mark
    except psutil.Error:
        return False


def _command(output: str, cluster: str) -> list[str]:
    variables = [word for value in (f"CLUSTER:{cluster}", "SPEED:10") for word in ("--variable", value)]
    robot = [sys.executable, "-m", "robot", "--outputdir", output]
    return [*robot, *variables, "--include", "specified", str(SUITES)]


def _told(left: list[str]) -> str:
    return "left: " + "; ".join(left) if left else "nothing left"


def _end(wrong: int) -> None:
    click.echo(f"{wrong} went wrong" if wrong else "none went wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
