"""The files and the metadata of the wheel."""

import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.metadata import Metadata

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path, names: set[str]) -> Message:
    (name,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.parametrize("folder", ["suites", "resources"])
def test_every_file_of_the_checkout_is_in_it(folder: str, names: set[str]):
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".robot", ".resource", ".yaml")]
    assert len(files) > 5
    assert {f"fairpoll/{path.relative_to(ROOT)}" for path in files} <= names


@pytest.mark.parametrize(
    "name",
    [
        "acceptance.resource",
        "docker-compose.yml",
        "py.typed",
        "cluster/local/kafka-pom.xml",
        "reports/page.css",
        "scenarios/scenario.schema.json",
    ],
)
def test_it_has_the_data_that_the_code_reads(name: str, names: set[str]):
    assert f"fairpoll/{name}" in names


def test_it_has_nothing_else(names: set[str]):
    endings = {Path(name).suffix for name in names if name.startswith("fairpoll/")}
    known = ".py .typed .css .json .properties .xml .yml .yaml .resource .robot .txt .toml .md"
    assert endings <= set(known.split())
    assert not [name for name in names if not name.startswith(("fairpoll/", "fairpoll-"))]
    assert not [name for name in names if "__pycache__" in name or "/test_" in name]


def test_its_metadata_is_valid(metadata: Message):
    """As an index would check it: fields, classifiers' form, licence expression, requirements."""
    parsed = Metadata.from_email(metadata.as_bytes(), validate=True)
    assert "Operating System :: POSIX :: Linux" in (parsed.classifiers or [])


def test_its_metadata(metadata: Message, names: set[str]):
    assert metadata["Name"] == "fairpoll"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Author"] == "Fairpoll contributors"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload()
    assert set(metadata.get_all("Provides-Extra", [])) == {"avro", "bizon", "docker", "kafka-ui", "sql"}
    assert metadata.get_all("Project-URL") is None
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_every_pin_is_within_the_declared_range(environment: Path):
    """pip has resolved them together: the environment was made with the pins as constraints."""
    assert (environment / "fairpoll").exists()
