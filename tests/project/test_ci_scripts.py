"""The exit code of .ci/compose, with stand-ins for the programs that it runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ENGINE = """
no_engine=$NO_ENGINE
start_engine() { [[ -z $no_engine ]]; }
stop_engine() { :; }
"""
PROGRAMS = ("pip", "pytest", "docker", "robot")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with .ci/compose, in which programs succeed, but the one that FAILS, with FAILS_WITH."""
    files = {
        ".ci/engine.sh": ENGINE,
        ".ci/images/build": "#!/bin/sh\n",
        ".venv/bin/activate": "",
        "Dockerfile": "#   docker build -t image .\n",
        **{f"bin/{name}": f"#!/bin/sh\n[ $FAILS != {name} ] || exit $FAILS_WITH\n" for name in PROGRAMS},
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o755)
    shutil.copy(ROOT / ".ci" / "compose", tmp_path / ".ci" / "compose")
    return tmp_path


def exit_code(checkout: Path, *, no_engine: str = "", fails: str = "none", fails_with: int = 0) -> int:
    path = f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"
    failing = {"NO_ENGINE": no_engine, "FAILS": fails, "FAILS_WITH": str(fails_with)}
    command = [checkout / ".ci" / "compose"]
    return subprocess.run(
        command, env={**os.environ, **failing, "PATH": path}, capture_output=True, check=False
    ).returncode


def test_a_failure_is_not_taken_for_a_missing_engine(checkout: Path):
    """Robot Framework exits with the number of failed tests, up to 250, and pytest with 1 to 5."""
    not_exercised = exit_code(checkout, no_engine="no Docker engine answers")
    assert exit_code(checkout) == 0
    for program, codes in {"robot": range(1, 251, 83), "pytest": range(1, 6)}.items():
        for code in (*codes, 3):
            assert exit_code(checkout, fails=program, fails_with=code) == code
            assert code != not_exercised
    assert not_exercised > 250


def test_ci_excuses_a_missing_engine_and_nothing_else(checkout: Path):
    not_exercised = exit_code(checkout, no_engine="no Docker engine answers")
    jobs = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text("utf-8"))
    assert jobs["compose"]["allow_failure"] == {"exit_codes": [not_exercised]}
    excused = re.findall(
        r'^    (\d+)\) echo "== compose', (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE
    )
    assert excused == ["0", str(not_exercised)]
