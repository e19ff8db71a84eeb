"""Criteria are declared in one place, others' too, and one that fails to judge does not stop the rest."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairpoll.base.errors import FairpollError
from fairpoll.checkers import CRITERIA, DELIVERY_GUARANTEES, RUN_CRITERIA, Finding, judge
from fairpoll.checkers.registry import Seconds, criterion
from fairpoll.verdicts.verdict import Verdict
from histories import acked, consumer, delivered, recording
from sentences import sentences

ROOT = Path(__file__).parents[2]
RUN = recording(acked("low", 0, 3), consumer("async", delivered("low", 0, 0.5), delivered("low", 1, 3.5)))
PLUGIN = '''
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import Records, criterion

@criterion("few records", guarantee=True)
def few_records(recording, consumer, *, records: Records = 9):
    """At most this many records are acked."""
    count = len(recording.acked)
    return Finding(expected=f"{records}", measured=f"{count}", sentence="", status="pass")
'''


@pytest.fixture
def broken() -> Iterator[str]:
    """The name of a criterion that raises an exception, registered for one test."""

    @criterion("broken")
    def divides_by_zero(recording, consumer: str, *, seconds: Seconds) -> Finding:
        """Never comes to a finding."""
        return Finding(expected="", measured=str(seconds / 0), sentence="")

    yield divides_by_zero.name
    del CRITERIA[divides_by_zero.name]


def test_an_exception_makes_its_own_criterion_inconclusive(broken: str):
    verdict = Verdict(RUN)
    finding = verdict.judge(broken, "async", seconds=5)
    assert verdict.judge("order_kept", "async").status == "pass"
    assert finding.status == "inconclusive"
    assert finding.key[:2] == (broken, "async")
    assert "could not judge async: it raised ZeroDivisionError: " in finding.sentence
    assert verdict.worst == "inconclusive"


def test_a_criterion_that_two_tests_judge_counts_once():
    verdict = Verdict(RUN)
    for seconds in (5, 5, 9):
        verdict.judge("no_stall", "async", seconds=seconds)
    assert [finding.thresholds["seconds"] for finding in verdict.findings] == [5, 9]


@pytest.mark.parametrize(
    ("name", "thresholds"),
    [("no_stall", {}), ("no_stall", {"seconds": "5"}), ("nothing_lost", {"seconds": 5.0})],
)
def test_thresholds_that_a_criterion_does_not_take_are_refused(name: str, thresholds: dict):
    with pytest.raises(TypeError, match=f"{name} takes .*; given: "):
        judge(name, RUN, "async", **thresholds)


def test_a_name_is_declared_once():
    with pytest.raises(FairpollError, match="two criteria are named 'no_stall'"):

        @criterion("again")
        def no_stall(recording, consumer: str) -> Finding:
            return Finding(expected="", measured="", sentence="")


def test_what_is_said_of_a_criterion_is_complete():
    declared = {**RUN_CRITERIA, **CRITERIA}
    assert all(one.documentation and one.title for one in declared.values())
    keywords = [one.keyword for one in declared.values()]
    assert len(set(keywords)) == len(keywords)
    assert [name for name in CRITERIA if CRITERIA[name].guarantee] == list(DELIVERY_GUARANTEES)
    units = {one.unit.name for c in declared.values() for one in c.thresholds.values()}
    assert "number" not in units, "a threshold without a unit"


@pytest.mark.parametrize("name", [*RUN_CRITERIA, *CRITERIA])
def test_the_reference_shows_what_a_criterion_fails_with(name: str):
    shown = sentences(name)
    # A line can be read or not: nothing makes that doubtful.
    lacking = {"fail"} if name in RUN_CRITERIA else {"inconclusive"} if name == "output_readable" else set()
    assert set(shown) == {"fail", "inconclusive"} - lacking
    reference = (ROOT / "docs" / "reference" / "criteria.md").read_text("utf-8")
    assert all(f"`{sentence}`" in reference for sentence in shown.values()), "run python docs/build.py"


def python(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PYTHONPATH": path}
    )


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder on the path with an installed distribution that has a criterion of its own."""
    (tmp_path / "others.py").write_text(PLUGIN)
    installed = tmp_path / "others-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[fairpoll.criteria]\nothers = others\n")
    return tmp_path


def test_another_package_adds_a_criterion_and_its_keyword(plugin: Path):
    code = (
        "from fairpoll.checkers import DELIVERY_GUARANTEES as kept\n"
        "from fairpoll.keywords.VerdictLibrary import VerdictLibrary\n"
        "keyword = VerdictLibrary.few_records_should_hold\n"
        "print(kept[-1], keyword.robot_name, keyword.robot_tags, keyword.__doc__)"
    )
    ran = python(plugin, code)
    assert ran.stderr == ""
    assert ran.stdout == (
        "few_records Few Records Should Hold ('others', 'guarantee') At most this many records are acked.\n\n"
        "Fails if this does not hold.\n\nArgs:\n    mode: the consumer, such as `async`.\n"
        "    records: a number of records, such as `20`.\n\n"
        "Example: `Few Records Should Hold    async    records=9`\n"
    )


def test_a_broken_package_is_named_in_one_message(plugin: Path):
    (plugin / "others.py").write_text("import no_such_module")
    ran = python(plugin, "import fairpoll.checkers")
    assert ran.stderr.splitlines()[-1] == (
        "fairpoll.base.errors.FairpollError: criteria that cannot be loaded: 'others' of others: "
        "ModuleNotFoundError: No module named 'no_such_module'. Repair or uninstall the package "
        "(its entry point is in the group fairpoll.criteria)."
    )
