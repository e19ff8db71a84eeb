"""The wheel, built once, and an environment that has nothing but it and what it depends on."""

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from installed import Installed

ROOT = Path(__file__).parents[2]
# What a build reads. The checkout itself stays clean: a build writes beside its sources.
SOURCES = ("LICENSE", "README.md", "docker-compose.yml", "libraries", "pyproject.toml", "resources", "suites")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(target), str(source)]
    subprocess.run(command, check=True)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its programs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    pinned = ("pytest", "robotframework")
    lines = [*(ROOT / "requirements.txt").open(), *(ROOT / "requirements-dev.txt").open()]
    constraints = folder / "constraints.txt"
    # A constraint has no extras.
    texts = (re.sub(r"\[\w+\]", "", line) for line in lines if "==" in line)
    constraints.write_text("".join(texts), "utf-8")
    subprocess.run([*pip, "-c", constraints, wheel, *pinned], check=True)
    return folder / "bin"


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installed:
    return Installed(environment, tmp_path)
