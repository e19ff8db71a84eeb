"""Which member of the group owned a partition, and when nobody did."""

from collections import defaultdict
from collections.abc import Sequence

from fairpoll.contract.records import Partition
from fairpoll.evidence.history import ConsumerHistory

Gap = tuple[float, float]


def unassigned(history: ConsumerHistory) -> dict[Partition, list[Gap]]:
    """The gaps (from, to) of each partition in which no member owned it, in scenario seconds.

    A gap begins when the last owner's partition is revoked or its process is started again, and ends with the
    next assignment: the time that the group's coordinator takes for a rebalance. Two kinds do not count,
    because they are the consumer's own doing: a gap that began with an eviction, and one that never ended.
    """
    owners: dict[Partition, set[str]] = defaultdict(set)
    free_since: dict[Partition, float] = {}
    gaps: dict[Partition, list[Gap]] = defaultdict(list)

    def release(partition: Partition, member: str, at: float, *, evicted: bool) -> None:
        if member in owners[partition]:
            owners[partition].remove(member)
            if not owners[partition] and not evicted:
                free_since[partition] = at

    for event in history.events:
        member, at = event.get("member", ""), event["at"]
        partitions = [(p["topic"], p["partition"]) for p in event.get("partitions", ())]
        match event["name"]:
            case "startup_complete":
                for partition in list(owners):
                    release(partition, member, at, evicted=False)
            case "partitions_revoked":
                for partition in partitions:
                    release(partition, member, at, evicted=bool(event.get("lost")))
            case "partitions_assigned":
                for partition in partitions:
                    owners[partition].add(member)
                    if (since := free_since.pop(partition, None)) is not None:
                        gaps[partition].append((since, at))
    return gaps


def overlap(gaps: Sequence[Gap], since: float, until: float) -> float:
    """How many seconds of these gaps, which do not overlap one another, lie between `since` and `until`."""
    return sum(max(0.0, min(end, until) - max(start, since)) for start, end in gaps)
