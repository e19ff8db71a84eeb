"""Processes: what run.json records of them, and the criteria that judge it."""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fairpoll.base.errors import ConsumerError
from fairpoll.base.process_table import is_running
from fairpoll.base.waiting import wait_until
from fairpoll.checkers import judge
from fairpoll.checkers.finding import Finding
from fairpoll.contract.subject import Subject
from fairpoll.run.members import Members
from fairpoll.run.processes import ChildProcess, ChildProcesses
from fairpoll.scenarios.units import Action
from histories import acked, consumer, delivered, recording

STARTED = {"consumer": "mine", "member": 1, "pid": 1, "started_ms": 0.0}
# Sent SIGTERM at second 60, ended 0.4 s later.
STOPPED = {**STARTED, "ended_ms": 60_400.0, "exit_code": 0, "terminated_ms": 60_000.0}
KILLED = {**STARTED, "ended_ms": 75_000.0, "exit_code": -9, "terminated_ms": 60_000.0, "killed_ms": 75_000.0}
LEFT = {"pid": 4711, "command": "python consumer.py"}
DIED = {**STARTED, "ended_ms": 4_200.0, "exit_code": 3, "last_output": "  panic:\n  \x1b[31mno route"}


def judged(criterion: str, *processes: dict, speed: float = 1.0, **thresholds: object) -> Finding:
    """Three messages, two of which were delivered by second 4."""
    mine = consumer("mine", delivered("low", 0, 0.5), delivered("low", 1, 3.5))
    facts = {"start_ms": 0.0, "processes": processes}
    run = recording(acked("low", 0, 3, 6), mine, facts=facts, speed=speed)
    return judge(criterion, run, "mine", **thresholds)


class TestStaysAlive:
    def test_one_that_dies_fails_with_code_second_and_last_lines(self):
        finding = judged("stays_alive", DIED)
        assert finding.status == "fail"
        assert finding.sentence == (
            "mine ended on its own with exit code 3 at second 4.2, with 1 message of the run not delivered "
            "(its last output: panic: \ufffd[31mno route); expected to run until it is stopped"
        )
        assert finding.figures == {"ended": 1, "at_seconds": 4.2, "exit_code": 3}

    @pytest.mark.parametrize(
        "logged",
        [
            "Fatal error: Broker: The instance ID is still used by another member in the consumer group",
            "kafka.common.errors.UnreleasedInstanceIdException: Static member m with instance id i",
        ],
        ids=["librdkafka", "Java"],
    )
    def test_a_static_member_that_was_refused_is_named(self, logged: str):
        sentence = judged("stays_alive", {**DIED, "last_output": logged}).sentence
        assert (
            "refused as a static member (UnreleasedInstanceId: the session of an earlier member" in sentence
        )
        assert logged in sentence
        assert "refused" not in judged("stays_alive", DIED).sentence

    def test_the_second_is_in_the_time_of_the_scenario(self):
        assert "at second 42.0" in judged("stays_alive", DIED, speed=10).sentence

    def test_a_signal_of_somebody_else_is_named(self):
        finding = judged("stays_alive", {**DIED, "exit_code": -11, "member": 2}, STOPPED)
        assert finding.sentence.startswith("mine second member ended on its own with signal 11 at")

    @pytest.mark.parametrize(
        "process",
        [
            STOPPED,
            KILLED,
            {**STARTED, "ended_ms": 4_200.0, "exit_code": -9, "killed_ms": 4_199.0},
            {**DIED, "excused": True},
            STARTED,
        ],
        ids=["stopped", "killed in the end", "killed by a fault", "excused by a fault", "still running"],
    )
    def test_one_that_was_ended_passes(self, process: dict):
        assert judged("stays_alive", process).status == "pass"

    def test_a_restart_is_accepted_and_counted(self):
        again = {**DIED, "ended_ms": 9_000.0}
        finding = judged("stays_alive", *({**one, "restarted": True} for one in (DIED, again)), STOPPED)
        assert (finding.status, finding.measured) == ("pass", "started again 2 times")
        assert finding.sentence.startswith(
            "mine ended on its own with exit code 3 at second 4.2, with 1 message"
        )
        assert finding.sentence.endswith(
            "; it was started again 2 times; "
            "expected to run until it is stopped, with at most 5 restarts by RESTART"
        )
        assert (finding.figures["ended"], finding.figures["restarted"]) == (0, 2)

    def test_an_end_after_the_last_restart_fails(self):
        finding = judged("stays_alive", {**DIED, "restarted": True}, {**DIED, "ended_ms": 9_000.0})
        assert (finding.status, finding.figures["at_seconds"]) == ("fail", 9.0)
        assert "; before, it was started again once; expected to run until" in finding.sentence

    def test_an_earlier_recording_decides_nothing(self):
        finding = judged("stays_alive")
        assert (finding.status, finding.measured) == ("inconclusive", "unknown")
        assert finding.sentence == "the recording does not have the processes of mine"


class TestStopsWhenAsked:
    @pytest.mark.parametrize(
        ("process", "seconds", "expected"),
        [
            (STOPPED, 10.0, ("pass", "0.4 s")),
            (STOPPED, 0.3, ("fail", "0.4 s")),
            (KILLED, 10.0, ("fail", "killed after 15.0 s")),
            (KILLED, 30.0, ("inconclusive", "killed after 15.0 s")),
            (STARTED, 10.0, ("inconclusive", "unknown")),
            (DIED, 10.0, ("inconclusive", "unknown")),
        ],
    )
    def test_sigterm_to_exit(self, process: dict, seconds: float, expected: tuple[str, str]):
        finding = judged("stops_when_asked", process, seconds=seconds)
        assert (finding.status, finding.measured) == expected

    def test_the_end_of_the_whole_group_counts(self):
        finding = judged("stops_when_asked", {**STOPPED, "group_ended_ms": 71_000.0}, seconds=10.0)
        assert (finding.status, finding.measured) == ("fail", "11.0 s")

    @pytest.mark.parametrize("process", [STOPPED, DIED], ids=["stopped", "died"])
    def test_a_process_that_was_left_running_fails_by_name(self, process: dict):
        finding = judged("stops_when_asked", {**process, "left": [LEFT]}, STARTED, seconds=10.0)
        assert (finding.status, finding.measured) == ("fail", "left 1 process running")
        assert finding.sentence == (
            "mine left process 4711 (python consumer.py) running, outside of its process group "
            "(setsid, daemon), expected all its processes to end within 10 s"
        )

    def test_speed_does_not_divide_it(self):
        assert judged("stops_when_asked", STOPPED, seconds=10.0, speed=20).measured == "0.4 s"

    def test_the_slowest_counts(self):
        finding = judged("stops_when_asked", STOPPED, KILLED, STOPPED, seconds=10.0)
        assert finding.sentence == (
            "mine did not end for 15.0 s after SIGTERM and was killed, expected within 10 s"
        )

    def test_none_that_was_asked_decides_nothing(self):
        assert judged("stops_when_asked", DIED, seconds=10.0).sentence == (
            "no process of mine was stopped with SIGTERM"
        )


def members(folder: Path, processes: ChildProcesses, code: str) -> Members:
    mine = Subject("mine", (sys.executable, "-c", code, "--password=hunter2-of-a-process"))
    return Members(mine, {}, folder / "mine", processes)


# Ends with exit code 3 as many times as the file in its argument has, which counts down.
ENDS = """
import pathlib, sys
left = pathlib.Path(sys.argv[1])
count = int(left.read_text())
left.write_text(str(count - 1))
print(flush=True)
sys.exit(3) if count else input()
"""


class TestRestart:
    @pytest.fixture
    def ends(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Members]:
        """One that has its partitions, and is not started yet."""
        monkeypatch.setattr("fairpoll.run.members.FIRST_RESTART_SECONDS", 0.01)
        with ChildProcesses() as processes:
            command = (sys.executable, "-c", ENDS, str(tmp_path / "left"))
            yield Members(Subject("m", command, restart=True), {}, tmp_path / "m", processes, assigned=True)

    def times(self, folder: Path, count: int) -> None:
        (folder / "left").write_text(str(count))

    def test_it_is_started_again_until_it_stays(self, ends: Members, tmp_path: Path):
        self.times(tmp_path, 2)
        ends.start()
        wait_until(lambda: ends.watch() or len(ends.recorded()) == 3, 30, "the restarts")
        assert ends.alive
        assert [one["restarted"] for one in ends.recorded()] == [True, True, False]
        assert [one["exit_code"] for one in ends.recorded()] == [3, 3, None]

    def test_it_is_given_up_after_five_restarts(self, ends: Members, tmp_path: Path):
        self.times(tmp_path, 99)
        ends.start()
        wait_until(lambda: ends.watch() or not ends.alive, 30, "the last end")
        assert [one["restarted"] for one in ends.recorded()] == [True] * 5 + [False]

    def test_the_delay_grows(self, ends: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("fairpoll.run.members.FIRST_RESTART_SECONDS", 0.3)
        self.times(tmp_path, 2)
        ends.start()
        wait_until(lambda: ends.watch() or len(ends.recorded()) == 3, 30, "the restarts")
        one, two, three = ends.recorded()
        assert two["started_ms"] - one["ended_ms"] >= 300
        assert three["started_ms"] - two["ended_ms"] >= 600

    def test_the_second_member_is_started_again_in_its_folder(self, ends: Members, tmp_path: Path):
        self.times(tmp_path, 1)
        ends.act(Action("join"))
        wait_until(lambda: ends.watch() or len(ends.recorded()) == 2, 30, "the restart")
        assert [one["member"] for one in ends.recorded()] == [2, 2]
        assert ends.second
        assert ends.second.running

    def test_what_it_has_left_running_is_ended_before(self, ends: Members, tmp_path: Path):
        self.times(tmp_path, 1)
        shell = f"sleep 600 & exec {shlex.join(ends.consumer.command)}"
        ends.consumer = replace(ends.consumer, command=("sh", "-c", shell))
        first = ends.start()
        wait_until(lambda: not first.running, 30, "its end")
        (helper,) = first.processes
        wait_until(lambda: ends.watch() or len(ends.recorded()) == 2, 30, "the restart")
        assert not is_running(helper)

    @pytest.mark.parametrize("changes", [{"assigned": False}, {"consumer": Subject("m", ("false",))}])
    def test_before_the_assignment_and_without_restart_it_is_not(
        self, ends: Members, tmp_path: Path, changes: dict
    ):
        self.times(tmp_path, 1)
        for name, value in changes.items():
            setattr(ends, name, value)
        first = ends.start()
        wait_until(lambda: not first.running, 30, "its end")
        ends.watch()
        assert not ends.alive
        (entry,) = ends.recorded()
        assert entry["restarted"] is False


class TestDeliveredNothing:
    @staticmethod
    def sentence(*processes: dict) -> str:
        facts = {"start_ms": 0.0, "processes": processes}
        return judge(
            "nothing_lost", recording(acked("low", 0, 3, 6), consumer("mine"), facts=facts), "mine"
        ).sentence

    def test_the_end_of_its_log_stands_in_the_sentence(self):
        logged = {**STOPPED, "last_output": "  Fetch failed: EOF\n  \x1b[31mretrying"}
        assert self.sentence(logged) == (
            "mine delivered none of 3 acked messages, expected all; its log ended with: "
            "Fetch failed: EOF \ufffd[31mretrying"
        )

    def test_neither_without_a_log_nor_for_one_that_ended_on_its_own(self):
        for process in (STOPPED, DIED):
            assert self.sentence(process).endswith("of 3 acked messages, expected all")


class TestRecorded:
    def test_one_that_ends_on_its_own(self, tmp_path: Path):
        code = "import sys; print('a'); sys.exit('no: ' + sys.argv[1])"
        with ChildProcesses() as processes:
            group = members(tmp_path, processes, code)
            child = group.start()
            wait_until(lambda: not child.running, 30, "its end")
            with pytest.raises(ConsumerError, match="ended on its own with exit code 1"):
                group.check()
            group.assigned = True
            group.check()
            (entry,) = group.recorded()
        assert entry["exit_code"] == 1
        assert entry["last_output"] == "  no: --password=***"
        assert entry["started_ms"] <= entry["ended_ms"]
        assert (entry["terminated_ms"], entry["killed_ms"], entry["excused"]) == (None, None, False)

    def test_one_that_is_stopped_and_one_that_is_killed(self, tmp_path: Path):
        with ChildProcesses() as processes:
            group = members(tmp_path, processes, "print(flush=True); input()")
            first = group.start()
            wait_until(lambda: first.events.stat().st_size, 30, "its first line")
            group.act(Action("join"))
            group.act(Action("kill"))
            group.act(Action("start"))
        killed, second, successor = group.recorded()
        assert (killed["exit_code"], killed["terminated_ms"]) == (-9, None)
        assert killed["killed_ms"] <= killed["ended_ms"]
        assert [one["member"] for one in (killed, second, successor)] == [1, 2, 1]
        assert successor["terminated_ms"] <= successor["ended_ms"]
        assert not any(one["last_output"] for one in group.recorded())

    def test_the_end_of_its_log_before_it_was_stopped(self, tmp_path: Path):
        code = (
            "import sys; print('token', sys.argv[1], file=sys.stderr, flush=True); input(); sys.exit('bye')"
        )
        with ChildProcesses() as processes:
            group = members(tmp_path, processes, code)
            child = group.start()
            wait_until(lambda: child.log.stat().st_size, 30, "its first line")
            group.recorded()
        (entry,) = group.recorded()
        assert "bye" in child.last_output() or entry["exit_code"] == -15
        assert entry["last_output"] == "  token --password=***"

    def test_one_that_ignores_sigterm_had_to_be_killed(self, tmp_path: Path):
        deaf = "import signal; signal.signal(15, print); print(flush=True); [*iter(input, 0)]"
        with ChildProcesses() as processes:
            group = members(tmp_path, processes, deaf)
            child = group.start()
            wait_until(lambda: child.events.stat().st_size, 30, "its first line")
            assert not child.stop(0.2)
        (entry,) = group.recorded()
        assert entry["terminated_ms"] + 200 <= entry["killed_ms"] <= entry["ended_ms"]

    def test_one_that_ends_in_a_fault_is_excused(self, tmp_path: Path):
        with ChildProcesses() as processes:
            group = members(tmp_path, processes, "input()")
            victim = group.start()
            assert group.set_aside() is victim
            victim.send_command("")
            wait_until(lambda: not victim.running, 30, "its end")
            group.start()
            assert [one["excused"] for one in group.recorded()] == [True, False]

    def test_one_that_survives_a_fault_is_judged_again(self, tmp_path: Path):
        with ChildProcesses() as processes:
            group = members(tmp_path, processes, "input()")
            victim = group.start()
            group.set_aside()
            group.take_back(victim)
            assert [one["excused"] for one in group.recorded()] == [False]

    def test_a_built_in_consumer_that_ends_is_an_error(self, tmp_path: Path):
        with ChildProcesses() as processes:
            group = Members(Subject.built_in("sync"), {}, tmp_path / "sync", processes)
            group.first = ChildProcess("sync", ("false",), {}, tmp_path / "e", tmp_path / "l")
            group.assigned = True
            wait_until(lambda: not group.alive, 30, "its end")
            with pytest.raises(ConsumerError, match="ended on its own with exit code 1"):
                group.check()
