"""Processes end: the children of a run together, the last one first; a run whose client cannot be closed."""

import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from fairpoll.base.command_line import shown
from fairpoll.base.errors import ClusterError, ConsumerError
from fairpoll.base.waiting import wait_until
from fairpoll.run.processes import ChildProcess, ChildProcesses
from running import running

WAITS = (sys.executable, "-c", "print(flush=True); input()")
DEAF = (sys.executable, "-c", "import signal; signal.signal(15, print); print(flush=True); [*iter(input, 0)]")


def start(processes: ChildProcesses, folder: Path, *commands: tuple[str, ...]) -> list[ChildProcess]:
    """Start these commands, and wait until each has printed a line."""
    children = [
        processes.start(str(number), command, {}, folder / f"{number}.out", folder / f"{number}.log")
        for number, command in enumerate(commands)
    ]
    for child in children:
        wait_until(lambda child=child: child.events.stat().st_size, 30, "its first line")
    return children


def test_an_error_in_one_stops_the_others_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    processes = ChildProcesses()
    children = start(processes, tmp_path, WAITS, WAITS, WAITS)
    stopped: list[str] = []
    plain_stop = ChildProcess.stop

    def stop(child: ChildProcess, timeout_seconds: float) -> bool:
        stopped.append(child.name)
        plain_stop(child, timeout_seconds)
        if child is children[1]:
            raise OSError("no such luck")
        return True

    with monkeypatch.context() as patch:
        patch.setattr(ChildProcess, "stop", stop)
        with pytest.raises(OSError, match="no such luck"):
            processes.stop()
    assert stopped == ["2", "1", "0"]
    assert not any(child.running for child in children)


def test_without_a_cluster_they_are_killed_at_once(tmp_path: Path):
    processes = ChildProcesses()
    with pytest.raises(ClusterError), processes:
        (deaf,) = start(processes, tmp_path, DEAF)
        raise ClusterError("gone")
    assert not deaf.running


COUNTS_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: print("SIGTERM", flush=True))
print(flush=True)
time.sleep(1)
"""


def test_each_process_gets_sigterm_once(tmp_path: Path):
    processes = ChildProcesses()
    (child,) = start(processes, tmp_path, (sys.executable, "-c", COUNTS_SIGTERM))
    child.terminate()
    wait_until(lambda: "SIGTERM" in child.events.read_text(), 30, "the signal")
    processes.stop()
    assert child.events.read_text() == "\nSIGTERM\n"


SIGTERM_BEHIND_A_LOCK = """
import os, signal, threading, time
from fairpoll.cli.process import stop_on_signals
lock, stopped = threading.Lock(), threading.Event()

def stop():
    with lock:
        stopped.set()

stop_on_signals(stop)
with lock:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.2)
stopped.wait()
"""


def test_a_signal_stops_a_process_whose_main_thread_holds_the_lock_that_stopping_takes():
    subprocess.run([sys.executable, "-c", SIGTERM_BEHIND_A_LOCK], timeout=60, check=True)


def test_stopping_twice_does_nothing(tmp_path: Path):
    with ChildProcesses() as processes:
        (child,) = start(processes, tmp_path, WAITS)
        processes.stop()
        assert not child.running


def test_a_zombie_is_not_running():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = psutil.Process(child.pid)
    assert running([process]) == [process]
    child.kill()
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE, 30, "the child to end")
    assert process.is_running()
    assert running([process]) == []
    child.communicate()
    assert running([process]) == []


def test_a_client_that_never_closes_does_not_keep_the_process_alive(tmp_path: Path):
    program = textwrap.dedent("""
        import pathlib, sys, threading
        from fairpoll.cluster.admin import Admin

        class Stuck:
            def __del__(self):
                threading.Event().wait()

        admin = Admin({"bootstrap.servers": "127.0.0.1:1"}, pathlib.Path(sys.argv[1]))
        admin._client = Stuck()
        admin.close()
        print("the end")
    """)
    command = [sys.executable, "-c", program, str(tmp_path / "admin.log")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("the end\n", "", 0)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("./run --password hunter2 --flag", "./run --password *** --flag"),
        ("./hunter2 --api-token=hunter2 x", "./hunter2 --api-token=*** x"),
        ("./run --password-stdin --flag", "./run --password-stdin --flag"),
        (
            "env DB_PASSWORD=hunter2 ./run -X sasl.password=hunter2",
            "env DB_PASSWORD=*** ./run -X sasl.password=***",
        ),
        (
            "sh -c 'API_KEY=hunter2 exec ./run --secret \"hunter2\"'",
            "sh -c 'API_KEY=*** exec ./run --secret \"***\"'",
        ),
        ("./run redis://me:hunter2@host:1", "./run redis://me:***@host:1"),
        (
            """./run --jaas 'Login required user="u" password="hunter2";'""",
            './run --jaas \'Login required user="u" password="***";\'',
        ),
        ("./run --tokens", "./run --tokens"),
        ("./run --password ''", "./run --password ''"),
        ("./run --pin 1 --token 7", "./run --pin 1 --token ***"),
    ],
)
def test_secrets_in_a_command_are_masked(command: str, line: str):
    assert shown(shlex.split(command)) == line


def test_every_message_hides_the_secrets_of_the_commands_that_were_run(tmp_path: Path):
    program = "import sys; sys.exit('no such option: ' + sys.argv[1])"
    command = [sys.executable, "-c", program, "--password=hunter2-of-a-message"]
    with ChildProcesses() as processes:
        child = processes.start("c", command, {}, tmp_path / "events", tmp_path / "log")
        wait_until(lambda: not child.running, 30, "its end")
        with pytest.raises(ConsumerError, match=r"no such option: --password=\*\*\*$") as error:
            child.check()
    assert "hunter2" not in str(error.value)
    assert str(ClusterError("x hunter2-of-a-message y")) == "x *** y"
