"""The argument files of usual runs: each says what it is for, is in the reference, and finds tests to run."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "arguments").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_explained(path: Path):
    assert path.read_text("utf-8").startswith("# ")
    assert f"`{path.name}`" in (ROOT / "docs" / "reference" / "variables.md").read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_robot_takes_it(path: Path, tmp_path: Path):
    command = [
        sys.executable,
        "-m",
        "robot",
        "-A",
        str(path),
        "--dryrun",
        "--outputdir",
        str(tmp_path),
        "suites",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
