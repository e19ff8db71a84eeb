"""Patterns that read like a translation, and words that the glossary avoids: their number only falls."""

import re
from pathlib import Path

import pytest

import documents
from documents import ROOT

# Area -> the files in it.
AREAS = {
    "product": ["libraries/*.py", "suites/*.robot", "resources/*.resource"],
    "tests": ["tests/*.py", "tests/*.robot", "tests/*.resource"],
    "benchmarks": ["benchmarks/*.py", "benchmarks/*.md"],
    "docs": ["docs/*.md", "docs/*.py", "*.md", ":!benchmarks", ":!examples", ":!docs/glossary.md"],
    "examples": [f"examples/*.{ending}" for ending in ("py", "mjs", "go", "java", "sh", "yaml", "md")],
    "configuration": ["*.yaml", "*.yml", "*.toml", ".ci/*", "*Dockerfile", "*.sh", ":!examples"],
}
# Pattern -> area -> how many lines may still have it. Lower the number with each line that you reword.
ALLOWED: dict[str, dict[str, int]] = {
    r'"""Of ': {},
    r"# Of ": {},
    r"\btold\b": {},
    r"\bsays\b": {"product": 3},
    r"\bso (long|many) ": {},
    "words to avoid": {"product": 4, "tests": 2, "docs": 1, "examples": 3},
}
CASES = [(pattern, area) for pattern in ALLOWED for area in AREAS]


def avoided() -> str:
    """A pattern for the words behind `Avoid:` in the glossary."""
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    lines = re.findall(r"^ *Avoid: (.+)$", text, re.MULTILINE)
    return rf"(?i)\b({'|'.join(re.escape(word.strip()) for line in lines for word in line.split(','))})\b"


def lines_with(pattern: str, area: str) -> list[str]:
    """Every line of the area with the pattern, behind its file and number."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in documents.tracked(*AREAS[area])
        if path != Path(__file__) and not path.is_symlink()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(pattern, line.replace("without a trace", ""))  # the noun is to be avoided
    ]


@pytest.mark.parametrize("area", AREAS)
def test_an_area_has_files(area: str):
    assert len(documents.tracked(*AREAS[area])) > 5


@pytest.mark.parametrize(("pattern", "area"), CASES)
def test_no_more_lines_are_worded_like_a_translation(pattern: str, area: str):
    found = lines_with(avoided() if pattern == "words to avoid" else pattern, area)
    assert len(found) <= ALLOWED[pattern].get(area, 0), "\n".join(found)
