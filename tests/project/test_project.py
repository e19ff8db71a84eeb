"""The project's own order: lints, formats, types, a dry run, documentation of every keyword, one version."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from robot.libdoc import LibraryDocumentation

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "libraries" / "fairpoll"
LIBRARIES = sorted((ENGINE / "keywords").glob("*Library.py"))
RESOURCES = sorted((ROOT / "resources").glob("*.resource"))
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


def test_no_import_goes_against_the_layers():
    """The layers are in pyproject.toml, with who may import Robot Framework; no package has a circle."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda path: path.stem)
def test_every_keyword_is_documented_and_typed(library: Path):
    """What it fails on, an example, and each argument; embedded ones mean the same in a whole library."""
    documented = LibraryDocumentation(str(library))
    assert documented.doc
    for keyword in documented.keywords:
        fails = r"\b(Fails|Skips|Does nothing)\b"
        assert re.search(fails, keyword.doc), f"{keyword.name}: say when it fails"
        assert re.search(r"^Example: `.+`$", keyword.doc, re.MULTILINE), f"{keyword.name}: give an example"
        for argument in keyword.args:
            if argument.is_marker:
                continue
            assert argument.type, f"{keyword.name}: {argument.name} has no type"
            embedded = f"${{{argument.name}}}" in keyword.name
            described = f"`{argument.name}`" in documented.doc if embedded else argument.doc
            assert described, f"{keyword.name}: say what {argument.name} is"


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda path: path.stem)
def test_every_sentence_of_a_resource_is_documented(resource: Path):
    documented = LibraryDocumentation(str(resource))
    assert documented.doc
    for keyword in documented.keywords:
        assert keyword.doc, f"{keyword.name}: give it a [Documentation]"


def test_keyword_and_reference_pages_are_generated(tmp_path: Path):
    pytest.importorskip("markdown", reason="docs/build.py needs it; requirements-dev.txt has it")
    keywords, docs = tmp_path / "keywords", tmp_path / "docs"
    command = [sys.executable, "docs/build.py", str(keywords), str(docs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.stem: path.read_text("utf-8") for path in keywords.iterdir()}
    assert set(pages) == {path.stem for path in (*LIBRARIES, *RESOURCES)}
    assert "Oldest Message Should Wait At Most" in pages["VerdictLibrary"]
    generated = [page for page in docs.rglob("*") if page.is_file()]
    assert len(generated) > 7
    for page in generated:
        committed = (ROOT / "docs" / page.relative_to(docs)).read_text("utf-8")
        assert committed == page.read_text("utf-8"), f"{page.name} is out of date: run python docs/build.py"
    scenario = (docs / "reference" / "scenario.md").read_text("utf-8")
    keys = [line for line in scenario.splitlines() if line.startswith(("| `", "| **"))]
    assert len(keys) > 25
    assert [line for line in keys if line.endswith("|  |")] == []


def test_the_version_stands_in_one_place():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\n## {version} (" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert [path for path in ENGINE.rglob("*.py") if f'"{version}"' in path.read_text("utf-8")] == []


def test_unit_tests_start_no_cluster():
    """CONTRIBUTING.md promises it: a test that starts one is in tests/clusters or tests/suites."""
    starts = r"\b(open_cluster|opened|LocalCluster|MockCluster)\(|CLUSTER:(mock|local)|mark\.(local|docker)"
    modules = sorted((ROOT / "tests" / "unit").glob("*.py"))
    assert [path.name for path in modules if re.search(starts, path.read_text("utf-8"))] == []


def test_the_engine_never_imports_robot():
    for module in set(ENGINE.rglob("*.py")) - set((ENGINE / "keywords").iterdir()):
        for line in module.read_text("utf-8").splitlines():
            assert not line.startswith(("import robot", "from robot")), f"{module}: {line}"


def test_no_module_is_much_longer_than_300_lines():
    lengths = {
        path.name: len(path.read_text("utf-8").splitlines()) for path in (ROOT / "libraries").rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > 320} == {}


def test_the_league_in_the_explanation_is_the_one_in_the_reference():
    measured = (ROOT / "docs" / "reference" / "league-speed-1.md").read_text("utf-8").splitlines()
    explanation = (ROOT / "docs" / "explanation" / "starvation.md").read_text("utf-8").splitlines()
    shown = [line for line in explanation if re.search(r"\| (starved|served), \d", line)]
    assert len(shown) >= 12
    assert [line for line in shown if line not in measured] == []
