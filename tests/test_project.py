"""The project's own order: lints, formats, types, a dry run, and documentation of every keyword."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from robot.libdoc import LibraryDocumentation

ROOT = Path(__file__).parent.parent
LIBRARIES = sorted((ROOT / "libraries").glob("*Library.py"))
ROBOT_FILES = ["suites", "resources", "tests"]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["robocop", "check", *ROBOT_FILES],
        ["robocop", "format", "--check", *ROBOT_FILES],
        ["robot", "--dryrun", "--output", "none", "--log", "none", "--report", "none", "suites"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_it_is_clean(command: list[str]):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda path: path.stem)
def test_every_keyword_is_documented_and_typed(library: Path):
    documented = LibraryDocumentation(str(library))
    assert documented.doc
    for keyword in documented.keywords:
        assert keyword.doc, keyword.name
        assert "Fails" in keyword.doc or "Does nothing" in keyword.doc, f"{keyword.name}: say when it fails"
        for argument in keyword.args:
            assert argument.type is not None, f"{keyword.name}: {argument.name} has no type"
            assert (
                f"`{argument.name}`" in keyword.doc
                or "Example" in keyword.doc
                or argument.name in keyword.doc
            )


def test_the_engine_never_imports_robot():
    for module in (ROOT / "libraries" / "fairpoll").rglob("*.py"):
        for line in module.read_text("utf-8").splitlines():
            assert not line.startswith(("import robot", "from robot")), f"{module}: {line}"


def test_no_module_is_much_longer_than_300_lines():
    lengths = {
        path.name: len(path.read_text("utf-8").splitlines()) for path in (ROOT / "libraries").rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > 320} == {}


def test_the_league_in_the_readme_is_the_one_in_docs():
    measured = (ROOT / "docs" / "league-speed-1.md").read_text("utf-8").splitlines()
    readme = (ROOT / "README.md").read_text("utf-8").splitlines()
    shown = [line for line in readme if re.search(r"\| (starved|served), \d", line)]
    assert len(shown) >= 12
    assert [line for line in shown if line not in measured] == []
