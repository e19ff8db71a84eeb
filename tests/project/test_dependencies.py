"""Declared and pinned dependencies: the same packages, and each pin within its declared range."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
DECLARED = {
    canonicalize_name(requirement.name): requirement
    for line in [*PROJECT["project"]["dependencies"], *EXTRAS["docker"], *EXTRAS["kafka-ui"]]
    for requirement in [Requirement(line)]
}


def pins(name: str) -> dict[str, str]:
    """Package -> version, of a requirements file."""
    lines = re.findall(r"^([A-Za-z0-9-]+)(?:\[\w+\])?==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in lines}


PINNED = pins("requirements.txt")


def test_what_is_declared_is_pinned_and_nothing_else():
    assert PINNED.keys() == DECLARED.keys()


@pytest.mark.parametrize("name", DECLARED)
def test_the_pin_is_within_the_range(name: str):
    requirement = DECLARED[name]
    assert PINNED[name] in requirement.specifier
    assert {"<", ">="} == {one.operator for one in requirement.specifier}


def test_the_group_for_development_is_what_the_file_pins():
    group = {canonicalize_name(Requirement(one).name) for one in PROJECT["dependency-groups"]["dev"]}
    assert group == pins("requirements-dev.txt").keys()


# The commands that the services of docker-compose.yml run in the test producer's image.
IN_THE_IMAGE = ("evidence", "judge", "plan", "produce", "run_consumer")
IMPORTED_AS = {"pyyaml": "yaml", "robotframework": "robot", "robotframework-requests": "RequestsLibrary"}


def test_the_producer_image_has_what_its_commands_import():
    (names,) = re.findall(r"grep -E '\^\((\S+)\)=='", (ROOT / "producer.Dockerfile").read_text("utf-8"))
    absent = PINNED.keys() - {canonicalize_name(name) for name in names.split("|")}
    modules = [IMPORTED_AS.get(name, name.replace("-", "_")) for name in sorted(absent)]
    program = f"""
import sys
sys.modules.update(dict.fromkeys({modules!r}))
import {", ".join(f"fairpoll.cli.{name}" for name in IN_THE_IMAGE)}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
