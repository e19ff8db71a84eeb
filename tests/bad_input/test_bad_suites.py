"""Suites that judge without a scenario, or before it has been run, fail in a dry run and in a real one."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from fairpoll.keywords.suite_scenarios import NONE_NAMED, NOTHING_RUN
from suite_runs import ROOT, run

NAMED = "Metadata    Scenario    specified.yaml"
SETUP = "Suite Setup    Run Both Modes"
JUDGED = "Order Should Be Kept    async"
NO_TOPIC = (
    "ValueError: Argument 'topic' got value 'quiet' that cannot be converted to Topic: no topic 'quiet'"
)


def dry(folder: Path, *settings: str, step: str = JUDGED, options: tuple[str, ...] = ()) -> str:
    """The message of the second of two tests with this step; "" if it passes."""
    suite = folder / "suite.robot"
    lines = ["*** Settings ***", f"Resource    {ROOT / 'resources' / 'faults.resource'}", *settings]
    lines += ["*** Test Cases ***", "First", f"    {step}", "Second", f"    {step}"]
    suite.write_text("\n".join(lines) + "\n", "utf-8")
    run(folder, "--dryrun", *options, str(folder if (folder / "__init__.robot").exists() else suite))
    second = list(ET.parse(folder / "output.xml").iter("test"))[1].find("status")
    return (second.text or "") if second is not None else ""


@pytest.mark.parametrize(
    ("settings", "step", "message"),
    [
        ((NAMED, SETUP), JUDGED, ""),
        ((SETUP,), JUDGED, "as in 'First'"),
        ((SETUP,), "Log    nothing is judged", "as in 'First'"),
        ((NAMED,), JUDGED, "as in 'First'"),
        ((NAMED,), "Log    nothing is judged", ""),
        ((), JUDGED, "as in 'First'"),
        ((NAMED,), "Kill The Leader Of quiet", NO_TOPIC),
        (("Metadata    Scenario    faults.yaml",), "Kill The Leader Of quiet", ""),
        (("Metadata    Scenario    ${NOT SET}", SETUP), JUDGED, "as in 'First'"),
    ],
)
def test_a_dry_run_refuses_a_suite_that_cannot_judge(
    settings: tuple[str, ...], step: str, message: str, tmp_path: Path
):
    shown = dry(tmp_path, *settings, step=step)
    assert shown.startswith(message)
    assert bool(shown) == bool(message)


def test_the_message_is_the_first_tests(tmp_path: Path):
    dry(tmp_path, SETUP)
    assert NONE_NAMED.error in (tmp_path / "output.xml").read_text("utf-8")
    dry(tmp_path, NAMED)
    assert NOTHING_RUN in (tmp_path / "output.xml").read_text("utf-8")


def test_a_scenario_is_inherited_from_the_suite_above_or_given_on_the_command_line(tmp_path: Path):
    given = ("--metadata", "Scenario:faults.yaml")
    kill = "Kill The Leader Of quiet"
    assert dry(tmp_path, NAMED, step=kill).startswith(NO_TOPIC)
    assert dry(tmp_path, NAMED, step=kill, options=given) == ""
    (tmp_path / "__init__.robot").write_text(
        "*** Settings ***\nMetadata    Scenario    faults.yaml\n", "utf-8"
    )
    assert dry(tmp_path, step=kill) == ""
    assert dry(tmp_path, NAMED, step=kill).startswith(NO_TOPIC)


def test_a_scenario_beside_the_suite_comes_first(tmp_path: Path):
    text = (ROOT / "resources" / "scenarios" / "specified.yaml").read_text("utf-8")
    (tmp_path / "specified.yaml").write_text(text.replace("async-test-low-volume:", "quiet:"), "utf-8")
    assert dry(tmp_path, NAMED, step="Kill The Leader Of quiet") == ""
