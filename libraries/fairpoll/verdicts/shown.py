"""The criteria by which a user's consumer cannot be judged, because it does not leave the evidence.

Evidence is required if the consumer declared it (`CONSUMER_FIELDS` declares output files, `SHOWS` lists
kinds) or left it. A criterion that needs other evidence is listed once as not shown, and decides nothing.
Without declared evidence a criterion is INCONCLUSIVE: a consumer cannot pass by hiding it.
"""

from collections.abc import Mapping
from typing import Any, cast

from fairpoll.checkers import CRITERIA
from fairpoll.checkers.judging import lacks
from fairpoll.contract.evidence_kinds import EVIDENCE, Evidence
from fairpoll.evidence.history import Recording


def not_shown(criterion: str, recording: Recording, consumer: str) -> str | None:
    """The kind of evidence that this criterion needs and the consumer neither declared nor left.

    None if the criterion must be judged. Built-in consumers declare all kinds, as do recordings made by
    versions that did not record a declaration.
    """
    judged = recording.facts.judged
    if consumer not in judged or consumer not in recording.consumers:
        return None
    history = recording.consumers[consumer]
    declared: set[Any] = set(judged[consumer].shows)
    if not declared and "places" in history.evidence:
        declared.add("contents")  # output files hold the bodies, unless it is declared that they do not
    return lacks(CRITERIA[criterion], history, declared) if criterion in CRITERIA else None


def cannot_show(consumer: str, kinds: Mapping[str, list[str]]) -> str:
    """`x does not show how many records it buffers (buffers bounded); ...`: one sentence a consumer."""
    kinds_with_criteria = []
    for kind, criteria in kinds.items():
        evidence, names = EVIDENCE[cast(Evidence, kind)], ", ".join(criteria).replace("_", " ")
        kinds_with_criteria.append(f"{evidence.what}{evidence.absent} ({names})")
    return f"{consumer} does not show {'; '.join(kinds_with_criteria)}; these criteria were not judged"
