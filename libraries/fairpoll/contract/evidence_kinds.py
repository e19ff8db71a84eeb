"""The kinds of evidence that a consumer can be judged by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

# A kind of evidence that a consumer can be judged by; EVIDENCE describes each.
Evidence = Literal["records", "contents", "places", "lines", "assignments", "buffers", "commits", "processes"]
ALL_EVIDENCE: frozenset[Evidence] = frozenset(get_args(Evidence))


@dataclass(frozen=True)
class EvidenceKind:
    """`what` completes "the consumer does not show", with `absent`, the cause where that is always the same.

    `source` is what a consumer leaves to show it.
    """

    what: str
    source: str
    absent: str = ""


EVIDENCE: Mapping[Evidence, EvidenceKind] = {
    "records": EvidenceKind("which records it delivered", "events or output files"),
    "contents": EvidenceKind("what the records it delivered hold", "output files"),
    "places": EvidenceKind("which output its records went to", "output files"),
    "lines": EvidenceKind(
        "which member delivered each record, and when by its own clock", "events or output files"
    ),
    "assignments": EvidenceKind(
        "which partitions were assigned to it", "events, or its group's coordinator on a real broker"
    ),
    "buffers": EvidenceKind("how many records it buffers", "events, or its memory"),
    "commits": EvidenceKind(
        "what it commits",
        "its group's coordinator, if it joins its group or commits",
        ", as nobody joined the group that it was given",
    ),
    "processes": EvidenceKind(
        "how its processes run, stop and use memory",
        "being started by the run",
        ", as it ran already (ATTACH)",
    ),
}
