"""Runs with a consumer that runs already: what the scenario must be like, and the wait for its group."""

from collections.abc import Callable, Set

from fairpoll.base.errors import ClusterError, DeadlineError, ScenarioError
from fairpoll.base.text import count_text
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.admin import REBALANCING
from fairpoll.cluster.shared import SharedAdmin
from fairpoll.contract.records import Partition
from fairpoll.contract.subject import Subject
from fairpoll.scenarios.model import Scenario

# How often the coordinator is asked about the group.
ASK_SECONDS = 0.5
MOST_NAMED = 5


def require_attachable(scenario: Scenario, consumer: Subject) -> None:
    """Raise ScenarioError unless this consumer can be judged where it runs; others can always.

    The sentence names everything in the scenario that is missing, or what a run cannot do.
    """
    if not consumer.attach:
        return
    lacks = [] if scenario.group else ["`group`"]
    for topic in scenario.topics:
        lacks += [] if topic.fixed_name else [f"`name` of {topic.name}"]
        lacks += [f"`create: no` of {topic.name}"] if topic.create else []
    if lacks:
        raise ScenarioError(
            "ATTACH: a consumer that runs already has its group and topics, which the scenario must name; "
            f"it lacks {', '.join(lacks)}"
        )
    if scenario.reset_group:
        raise ScenarioError(
            f"ATTACH: the offsets of group {scenario.group} cannot be set while it has members; leave out "
            "`reset_group`"
        )
    kind, place = (consumer.source.kind, consumer.source.place) if consumer.source else ("", "")
    for step in scenario.timeline:
        verb = step.action.verb
        if verb != "sink" or kind != "http":
            does = "changes the sink's rate of" if verb == "sink" else "starts or stops"
            raise ScenarioError(
                f"ATTACH: the timeline's step `{verb}` {does} a consumer that runs already, which a run "
                "cannot; leave out the step, or let the run start the consumer"
            )
    if kind in ("topic", "http") and not place:
        named = (
            "topic:NAME, the topic that it writes to" if kind == "topic" else "http:PORT, the port it calls"
        )
        raise ScenarioError(f"ATTACH: EVIDENCE={kind} is new in each run; write {named}")


def wait_for_owner(
    admin: SharedAdmin,
    group: str,
    wanted: Set[Partition],
    timeout_seconds: float,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Wait until the members of the group own all of these partitions.

    `check` raises an error that ends the wait. Raises ClusterError with what was seen last.
    """
    seen = ""

    def owned() -> bool:
        nonlocal seen
        check()
        seen = why_not_owner(admin, group, wanted)
        return not seen

    try:
        wait_until(owned, timeout_seconds, f"the members of group {group}", interval_seconds=ASK_SECONDS)
    except DeadlineError:
        raise ClusterError(f"ATTACH: {seen}; waited {timeout_seconds:g} s") from None


def why_not_owner(admin: SharedAdmin, group: str, wanted: Set[Partition]) -> str:
    """The reason why the group's members do not own all of these partitions now, "" if they do.

    Raises ClusterError.
    """
    described = admin.group(group)
    if described is None or not described.members:
        return f"group {group} has no members; start the consumer in this group before the run"
    members = count_text(len(described.members), "member")
    if described.state in REBALANCING:
        return f"group {group} is in a rebalance, with {members}"
    partitions = {
        (p.topic, p.partition)
        for member in described.members
        for p in (member.assignment.topic_partitions if member.assignment else ())
    }
    missing = sorted(wanted - partitions)
    if not missing:
        return ""
    named = ", ".join(f"{topic}/{number}" for topic, number in missing[:MOST_NAMED])
    more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    have = "owns" if len(described.members) == 1 else "own"
    return (
        f"group {group} has {members}, which {have} {len(wanted) - len(missing)} of the "
        f"{count_text(len(wanted), 'partition')} of the run's topics, without {named}{more}; the consumer "
        "must subscribe to all topics of the scenario"
    )
