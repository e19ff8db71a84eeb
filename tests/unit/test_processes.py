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


# A program that prints a line and waits; the first argument is what it does on SIGTERM.
MEMBER = """
import signal, sys, time
signal.signal(signal.SIGTERM, {"end": signal.SIG_DFL, "ignore": signal.SIG_IGN}[sys.argv[1]])
print(flush=True)
time.sleep(600)
"""


def member(on_sigterm: str) -> str:
    return shlex.join((sys.executable, "-c", MEMBER, on_sigterm))


def descendants(child: ChildProcess) -> list[psutil.Process]:
    """Its processes without itself."""
    return [process for process in child.processes if process.pid != child.pid]


def test_a_shell_around_a_consumer_that_stops_well_is_not_killed(tmp_path: Path):
    with ChildProcesses() as processes:
        (shell,) = start(processes, tmp_path, ("sh", "-c", f"{member('end')}; true"))
        (inner,) = descendants(shell)
        assert shell.stop()
    assert not running([inner])
    assert (shell.killed_ms, shell.left) == (None, ())


def test_the_consumer_in_a_shell_has_its_time_and_is_killed_after_it(tmp_path: Path):
    with ChildProcesses() as processes:
        (shell,) = start(processes, tmp_path, ("sh", "-c", f"{member('ignore')}; true"))
        (inner,) = descendants(shell)
        assert not shell.stop(0.5)
    assert not running([inner])
    assert shell.terminated_ms + 500 <= shell.killed_ms <= shell.group_ended_ms
    assert shell.ended_ms < shell.killed_ms


def test_the_end_of_the_group_is_seen_while_another_is_waited_for(tmp_path: Path):
    with ChildProcesses() as processes:
        slow, fast = start(processes, tmp_path, ("sh", "-c", f"{member('end')}; true"), DEAF)
        processes.stop(1.0)
    assert fast.killed_ms - fast.terminated_ms >= 1000
    assert slow.group_ended_ms - slow.terminated_ms < 1000


LEAVES = {
    "a session of its own": f"setsid {member('end')} & wait",
    "that ignores SIGTERM": f"setsid {member('ignore')} & wait",
    "a daemon": f"(setsid {member('end')} &) ; sleep 600",
    "without its environment": f"setsid env -i {member('end')} & sleep 1; wait",
    "a process group of its own": f"set -m; {member('end')} & wait",
}


@pytest.mark.parametrize("kind", LEAVES)
def test_a_process_that_has_left_the_group_is_named_and_ended(kind: str, tmp_path: Path):
    with ChildProcesses() as processes:
        (shell,) = start(processes, tmp_path, ("bash", "-c", LEAVES[kind]))
        (gone,) = [one for one in descendants(shell) if "time.sleep" in " ".join(one.cmdline())]
        assert shell.stop(4.0)
    assert not running([gone])
    assert [one.pid for one in shell.left] == [gone.pid]
    assert shell.left[0].command.startswith(sys.executable)
    assert shell.killed_ms is None


def test_a_process_of_its_own_session_that_ends_with_the_others_is_not_left(tmp_path: Path):
    program = """
import signal, subprocess, sys
inner = subprocess.Popen(sys.argv[1:], start_new_session=True)
signal.signal(signal.SIGTERM, lambda *_: inner.terminate())
inner.wait()
"""
    command = (sys.executable, "-c", program, *shlex.split(member("end")))
    with ChildProcesses() as processes:
        (launcher,) = start(processes, tmp_path, command)
        (inner,) = descendants(launcher)
        assert launcher.stop()
    assert not running([inner])
    assert launcher.left == ()


def test_what_a_process_has_left_that_ended_on_its_own_is_ended(tmp_path: Path):
    with ChildProcesses() as processes:
        (shell,) = start(processes, tmp_path, ("sh", "-c", f"setsid {member('end')} & exit 3"))
        wait_until(lambda: not shell.running, 30, "the shell to end")
        (gone,) = shell.processes
        processes.stop()
    assert not running([gone])
    assert [one.pid for one in shell.left] == [gone.pid]
    assert (shell.ended_on_its_own, shell.exit_code) == (True, 3)


def test_a_kill_reaches_every_descendant(tmp_path: Path):
    with ChildProcesses() as processes:
        (shell,) = start(processes, tmp_path, ("sh", "-c", f"setsid {member('ignore')} & wait"))
        (gone,) = descendants(shell)
        shell.kill()
        assert not running([gone])
    assert (shell.exit_code, shell.left) == (-9, ())


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
