"""Where the time of a run went: what is its scenario's own, and what comes on top."""

from collections.abc import Mapping
from itertools import pairwise

LIVE = "live traffic"
# What run.json notes at the end of each phase, in real milliseconds since the epoch.
_MOMENTS = (
    ("begun_ms", ""),
    ("produced_ms", "topics and backlog"),
    ("assigned_ms", "consumers given their partitions"),
    ("start_ms", "lead to a common start"),
    ("end_ms", LIVE),
    ("drain_ms", "last acks"),
    ("drained_ms", "drain"),
    ("stopped_ms", "consumers stopped"),
)


def phases(facts: Mapping[str, object]) -> dict[str, float]:
    """Phase -> its real seconds, in the order of time; a phase that the run did not come to is left out."""
    known = [(facts[moment], name) for moment, name in _MOMENTS if moment in facts]
    return {
        name: (end - begin) / 1000
        for (begin, _), (end, name) in pairwise(known)
        if isinstance(begin, (int, float)) and isinstance(end, (int, float))
    }
