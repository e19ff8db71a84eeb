"""Which criteria a consumer of somebody's cannot be judged by, since it does not leave the evidence.

Evidence is required where the consumer declared it (`CONSUMER_FIELDS` declares output files, `SHOWS` lists
kinds), and where it left it. A criterion that needs other evidence is listed once as not shown, and decides
nothing. Declared evidence that is missing keeps its criteria INCONCLUSIVE: hiding it cannot turn into a pass.
"""

from collections.abc import Mapping

from fairpoll.checkers import CRITERIA
from fairpoll.evidence.history import ConsumerHistory, Recording

# Kind of evidence -> what it is, as in `9 criteria need to know which records it delivered`.
NAMED = {
    "records": "which records it delivered",
    "contents": "what the records it delivered hold",
    "places": "which output its records went to",
    "assignments": "which partitions were assigned to it",
    "buffers": "how many records it buffers",
}


def not_shown(criterion: str, recording: Recording, consumer: str) -> str | None:
    """The kind of evidence that this criterion needs and the consumer neither declared nor left.

    None where the criterion is to be judged. Built-in consumers declare all kinds, as do recordings made by
    versions that did not record a declaration.
    """
    judged = recording.facts.judged
    if consumer not in judged or consumer not in recording.consumers:
        return None
    history = recording.consumers[consumer]
    declared = set(judged[consumer].shows)
    if not declared and "places" in history.evidence:
        declared.add("contents")  # output files hold the bodies, unless it is declared that they do not
    needed = _needed(criterion)
    return needed if needed and needed not in declared and needed not in _left(history) else None


def _needed(criterion: str) -> str | None:
    if criterion == "buffers_bounded":
        return "buffers"
    return CRITERIA[criterion].needs if criterion in CRITERIA else None


def _left(history: ConsumerHistory) -> set[str]:
    buffered = any("buffered" in place for e in history.events for place in e.get("partitions", ()))
    return {*history.evidence, *(["buffers"] if buffered else [])}


def cannot_show(consumer: str, kinds: Mapping[str, list[str]]) -> str:
    """`x does not show how many records it buffers (buffers bounded); ...`: one sentence a consumer."""
    parts = [
        f"{NAMED[kind]} ({', '.join(name.replace('_', ' ') for name in criteria)})"
        for kind, criteria in kinds.items()
    ]
    return f"{consumer} does not show {'; '.join(parts)}; these criteria were not judged"
