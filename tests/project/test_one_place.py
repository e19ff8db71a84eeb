"""What is declared once and listed nowhere else by hand."""

import re

import pytest

import documents
from documents import ROOT
from fairpoll.cluster import KINDS
from fairpoll.run.faults import FAULTS, FaultType

# Generated, or messages that a test compares word for word.
GENERATED = re.compile(r"docs/reference/(clusters|commands|faults)\.md|tests/bad_input/__snapshots__/.+")


def test_the_kinds_of_cluster_are_listed_in_one_place():
    kind = rf"\b(?:{'|'.join(KINDS)})\b"
    lists = re.compile(kind + rf"(?:\W{{1,6}}(?:or |and )?{kind}){{2}}")
    listed = {
        path.relative_to(ROOT).as_posix()
        for path in documents.tracked()
        if not path.is_symlink() and path.suffix not in (".png", ".xz")
        if lists.search(path.read_text("utf-8", "replace"))
    }
    assert [path for path in sorted(listed) if not GENERATED.fullmatch(path)] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_is_documented_and_injected_by_the_suite(fault: FaultType):
    assert fault.documentation
    if "number" not in fault.arguments:  # its test needs no particular broker
        sources = [ROOT / "suites" / "60__faults.robot", ROOT / "resources" / "faults.resource"]
        called = re.sub(r"\\\$\\\{\w+\\\}", ".+", re.escape(fault.keyword))
        assert re.search(rf"^ +{called}$", "".join(s.read_text("utf-8") for s in sources), re.MULTILINE)
