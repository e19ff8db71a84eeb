"""What is declared once and listed nowhere else by hand."""

import re

import documents
from documents import ROOT
from fairpoll.cluster import KINDS

# Generated, or messages that a test compares word for word.
GENERATED = ("docs/reference/clusters.md", "docs/reference/commands.md", "tests/bad_input/__snapshots__/")


def test_the_kinds_of_cluster_are_listed_in_one_place():
    kind = rf"\b(?:{'|'.join(KINDS)})\b"
    lists = re.compile(kind + rf"(?:\W{{1,6}}(?:or |and )?{kind}){{2}}")
    listed = {
        path.relative_to(ROOT).as_posix()
        for path in documents.tracked()
        if not path.is_symlink() and path.suffix not in (".png", ".xz")
        if lists.search(path.read_text("utf-8", "replace"))
    }
    assert [path for path in sorted(listed) if not path.startswith(GENERATED)] == []
