"""The profiles of usual runs: the reference has each as plain options, and Robot Framework takes those."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fairpoll.cli.init import FILES

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "libraries" / "fairpoll" / "templates"


def read(path: Path) -> dict[str, dict[str, Any]]:
    profiles = tomllib.loads(path.read_text("utf-8"))["profiles"]
    assert isinstance(profiles, dict)
    return profiles


PROFILES = read(ROOT / "robot.toml")


def options(profile: dict[str, Any]) -> list[str]:
    """As options of plain Robot Framework."""
    variables = [f"--variable {name}:{value}" for name, value in profile.get("extend-variables", {}).items()]
    return " ".join([*variables, *(f"--include {tag}" for tag in profile.get("includes", []))]).split()


@pytest.mark.parametrize("name", PROFILES)
def test_it_is_explained_with_its_options(name: str):
    reference = (ROOT / "docs" / "reference" / "variables.md").read_text("utf-8")
    assert PROFILES[name]["description"]
    assert f"| `{name}` | `{' '.join(options(PROFILES[name]))}` |" in reference


@pytest.mark.parametrize("name", PROFILES)
def test_robot_takes_its_options(name: str, tmp_path: Path):
    command = [
        sys.executable,
        "-m",
        "robot",
        *options(PROFILES[name]),
        "--dryrun",
        "--outputdir",
        str(tmp_path),
    ]
    done = subprocess.run([*command, "suites"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_template_project_is_complete_and_its_suite_can_run(tmp_path: Path):
    assert set(FILES) == {path.name for path in TEMPLATES.iterdir()}
    assert {"mock", "local", "ci"} == set(read(TEMPLATES / "robot.toml"))
    command = [sys.executable, "-m", "robot", "--dryrun", "--outputdir", str(tmp_path)]
    suite = str(TEMPLATES / "consumer.robot")
    done = subprocess.run([*command, suite], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
