"""The pages: links lead somewhere, every page can be found, every block of code is run or names who does."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

import documents
from documents import ROOT
from fairpoll.contract.environment import ConsumerEnvironment
from fairpoll.verdicts.rejudge import judge_again
from recordings import write_recording

PAGES = documents.pages()
CONSUMERS = ROOT / "libraries" / "fairpoll" / "consumers"
SCHEMA = ROOT / "docs" / "reference" / "verdict.schema.json"


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path):
    for target in documents.links(page):
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{name(page)}: {target}"
        if anchor:
            assert anchor in documents.anchors(path), f"{name(page)}: {target}"


def test_every_page_named_anywhere_exists():
    missing = []
    for path in documents.tracked():
        if path.suffix in (".png", ".json", ".xz") or path.is_symlink():
            continue
        for named in re.findall(
            r"(?<![\w/])docs/[\w/-]+\.(?:md|py|json)\b", path.read_text("utf-8", "replace")
        ):
            if not (ROOT / named).exists():
                missing.append(f"{name(path)}: {named}")
    assert missing == []


def test_every_page_of_the_documentation_is_linked_from_another():
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in documents.links(page)
    }
    assert [name(page) for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in linked] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_code_is_run_or_names_who_runs_it(page: Path):
    """A file that is named as running a block contains its subcommands, options and variables."""
    for block in documents.blocks(page):
        # The blocks of a suite in Markdown are what `robot PAGE` runs.
        of_a_suite = block.language == "robotframework" and page.name.endswith(".robot.md")
        if block.language not in documents.CODE or of_a_suite:
            continue
        block.parse()
        assert block.mark, f"{name(page)}: mark this block:\n{block.code}"
        if block.mark == "not run" and not block.text.startswith("nobody, "):
            assert block.runners, f"{name(page)}: name the file that runs this, or `nobody, `:\n{block.code}"
            sources = "".join(path.read_text("utf-8") for path in block.runners)
            missing = [word for word in sorted(block.words) if word not in sources]
            assert missing == [], f"{name(page)}: {block.text}: it does not contain {missing}:\n{block.code}"


EXPLANATIONS = [page for page in PAGES if page.parent.name == "explanation"]


@pytest.mark.parametrize("page", EXPLANATIONS, ids=name)
def test_every_paragraph_of_an_explanation_names_the_tests_that_show_it(page: Path):
    paragraphs = list(documents.paragraphs(page))
    assert len(paragraphs) > 3
    assert [paragraph.first_line for paragraph in paragraphs if not paragraph.mark] == []
    named = [(file, test) for paragraph in paragraphs for file, test in paragraph.tests]
    assert [f"{name(file)}::{test}" for file, test in named if not documents.has_test(file, test)] == []


def test_the_house_lists_every_folder():
    house = (ROOT / "docs" / "explanation" / "the-house.md").read_text("utf-8")
    folders = {path.relative_to(ROOT).parts[0] for path in documents.tracked() if path.parent != ROOT}
    layers = {
        path.name for path in (ROOT / "libraries" / "fairpoll").iterdir() if (path / "__init__.py").exists()
    }
    assert len(folders) > 8 and len(layers) > 10
    assert [folder for folder in sorted(folders) if f"`{folder}/" not in house] == []
    assert [layer for layer in sorted(layers) if f"| `{layer}` |" not in house] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 130


def test_every_variable_of_the_suites_is_in_the_reference():
    """Those that choose what is run or what is judged: declared in a suite or a resource file."""
    reference = (ROOT / "docs" / "reference" / "variables.md").read_text("utf-8")
    declared = set()
    for path in documents.tracked("suites/*.robot", "resources/*.resource"):
        declared |= set(re.findall(r"^\$\{([A-Z_]+)(?:: \w+)?\}", path.read_text("utf-8"), re.MULTILINE))
    assert len(declared) > 15
    assert [variable for variable in sorted(declared) if f"`{variable}`" not in reference] == []


def test_every_variable_and_event_of_the_contract_is_in_the_reference():
    """Those that a consumer is started with, and those that it may print."""
    reference = (ROOT / "docs" / "reference" / "consumer-contract.md").read_text("utf-8")
    started_with = ConsumerEnvironment("g", {"t": "f"}, 1.0).to_environment()
    sources = "".join(path.read_text("utf-8") for path in CONSUMERS.glob("*.py"))
    names = {"records_consumed", *re.findall(r'emit\(\s*"(\w+)"', sources)}
    assert len(names) > 8
    assert [name for name in (*started_with, *names) if f"`{name}`" not in reference] == []


@pytest.mark.parametrize("wrapped", [False, True], ids=["of a recording", "of a whole run"])
def test_a_verdict_keeps_to_its_schema(tmp_path: Path, wrapped: bool):
    write_recording(tmp_path)
    verdict = json.loads(judge_again(tmp_path).verdict.to_text())
    assert verdict["findings"]
    whole = {"verdict": verdict["verdict"], "runs": [verdict], "not_judged": []} if wrapped else verdict
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(whole, schema)
