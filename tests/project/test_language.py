"""Patterns that read like a translation, and words that the glossary avoids: their number only falls."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder, pattern in (("libraries", "*.py"), ("suites", "*.robot"), ("resources", "*.resource"))
    for path in sorted((ROOT / folder).rglob(pattern))
    if not any(parent.is_symlink() for parent in path.parents)
]
# Pattern -> how many lines may still have it. Lower the number with each line that you reword.
ALLOWED = {
    r'"""Of ': 0,
    r"# Of ": 0,
    r"\btold\b": 0,
    r"\bsays\b": 4,
    r"\bso (long|many) ": 0,
}


def avoided() -> list[str]:
    """The words behind `Avoid:` in the glossary."""
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    lines = re.findall(r"^ *Avoid: (.+)$", text, re.MULTILINE)
    return [word.strip() for line in lines for word in line.split(",")]


def lines_with(pattern: str) -> list[str]:
    """Every line with the pattern, behind its file and number."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize("pattern", ALLOWED)
def test_no_more_lines_are_worded_like_a_translation(pattern: str):
    found = lines_with(pattern)
    assert len(found) <= ALLOWED[pattern], "\n".join(found)


# Lines with a word that the glossary avoids; lower it with each that you reword.
ALLOWED_WORDS = 43


def test_words_to_avoid_are_rare():
    found = lines_with(rf"(?i)\b({'|'.join(map(re.escape, avoided()))})\b")
    assert len(found) <= ALLOWED_WORDS, "\n".join(found)
