"""Four ways to judge a consumer from the installed wheel alone, in an empty folder, each for real."""

import json
import shutil
from pathlib import Path

import pytest

from installed import Installed

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
MOCK = ("--cluster", "mock", "--speed", "10")
FAIR = "fairpoll consume --mode async --controlled"


def plain_loop(installed: Installed) -> str:
    """An example, copied as people copy it."""
    shutil.copy(ROOT / "examples" / "confluent-kafka-poll" / "consumer.py", installed.folder)
    return "python3 consumer.py"


def test_a_fair_consumer_passes(installed: Installed):
    done = installed.run("fairpoll", "test", *MOCK, "--names", "both", "--name", "fair", FAIR)
    first, *rest = done.stdout.splitlines()
    assert first.startswith("PASS: fair: all ")
    assert rest == ["results/summary.html", "results/log.html"]
    assert (installed.folder / "results" / "xunit.xml").exists()
    runs = json.loads((installed.folder / "results" / "verdict.json").read_text("utf-8"))["runs"]
    assert [run["scenario"].partition(" (")[2] for run in runs] == ["", "topic names reversed)"]


def test_an_example_fails_for_starvation_by_name(installed: Installed):
    done = installed.run("fairpoll", "test", *MOCK, plain_loop(installed), code=1)
    assert done.stdout.startswith("FAIL: consumer.py: ")
    # Which message is the oldest depends on how many the consumer fetched before the backlog grew.
    assert "- FAIL: consumer.py let message async-test-low-volume/0@" in done.stdout
    assert "consumer.py does not show what the records it delivered hold (content intact)" in done.stdout
    (run,) = json.loads((installed.folder / "results" / "verdict.json").read_text("utf-8"))["runs"]
    assert run["judged"]["consumer.py"]["command"] == "python3 consumer.py"
    assert run["versions"].keys() == {"Python", "fairpoll", "robotframework", "confluent-kafka"}
    assert "python3 consumer.py" in (installed.folder / "results" / "summary.html").read_text("utf-8")


def test_a_command_that_does_not_start_could_not_be_judged(installed: Installed):
    done = installed.run("fairpoll", "test", *MOCK, "./no-such-consumer", code=3)
    assert "'./no-such-consumer' cannot be started: no executable file of this name" in done.stderr


def test_a_project_of_ones_own(installed: Installed):
    done = installed.run("fairpoll", "init")
    *paths, _, _, _, command = done.stdout.splitlines()
    assert [(installed.folder / path).exists() for path in paths] == [True] * 4
    program, *arguments = command.split()
    done = installed.run(program, *arguments)
    assert "5 tests, 5 passed, 0 failed" in done.stdout
    assert "my-consumer: " in done.stdout
    done = installed.run("fairpoll", "init", code=1)
    assert "already there; nothing was written" in done.stderr


def test_a_suite_of_ones_own(installed: Installed):
    """Eight lines: a resource, a library and a claim."""
    (installed.folder / "mine.robot").write_text(
        "*** Settings ***\n"
        "Resource       fairpoll/acceptance.resource\n"
        "Library        fairpoll.keywords.VerdictLibrary\n"
        "Metadata       Scenario    specified.yaml\n"
        "Suite Setup    Run Both Modes\n"
        "\n"
        "*** Test Cases ***\n"
        "Alerts Should Not Wait\n"
        "    Oldest Message Should Wait At Most    async    low    5 seconds\n",
        "utf-8",
    )
    done = installed.run("robot", "--variable", "CLUSTER:mock", "--variable", "SPEED:10", "mine.robot")
    assert "1 test, 1 passed, 0 failed" in done.stdout


def test_the_pytest_fixture(installed: Installed):
    """One passes; the other fails with the sentences of what it breaks, and no traceback."""
    (installed.folder / "test_mine.py").write_text(
        "def test_fair(fairpoll):\n"
        f'    fairpoll.run("{FAIR}", name="fair").should_pass()\n'
        "\n"
        "\n"
        "def test_plain(fairpoll):\n"
        f'    fairpoll.run("{plain_loop(installed)}", wait_at_most=5.0).should_pass()\n',
        "utf-8",
    )
    (installed.folder / "pytest.ini").write_text("[pytest]\nfairpoll_cluster = mock\n", "utf-8")
    done = installed.run("pytest", "--fairpoll-speed", "10", code=1)
    assert "1 failed, 1 passed" in done.stdout
    # Which message is the oldest depends on how many the consumer fetched before the backlog grew.
    assert "- FAIL: consumer.py let message async-test-low-volume/0@" in done.stdout
    assert "Traceback" not in done.stdout


def test_nothing_of_it_comes_from_a_checkout(installed: Installed):
    done = installed.run("python", "-c", "import fairpoll; print(fairpoll.__file__)")
    assert str(ROOT) not in done.stdout
    assert "site-packages" in done.stdout
