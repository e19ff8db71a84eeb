"""What findings report about other producers' messages on topics that existed before the run."""

from collections.abc import Iterable
from dataclasses import replace

from fairpoll.base.text import count_text, plain
from fairpoll.checkers.finding import Finding
from fairpoll.contract.records import RecordId
from fairpoll.evidence.history import Recording


def with_ignored(recording: Recording, consumer: str, finding: Finding) -> Finding:
    """The finding with the number of ignored records, if a topic existed before the run."""
    shared, ignored = recording.shared, recording.consumers[consumer].foreign
    if not shared.begin:
        return finding
    were = "was" if ignored == 1 else "were"
    sentence = (
        f"{finding.sentence}; {count_text(ignored, 'delivered record')} of other producers {were} ignored, "
        f"and {count_text(shared.count, 'message')} of theirs came during the run"
    )
    figures = {**finding.figures, "foreign_delivered": ignored, "foreign_in_topics": shared.count}
    return replace(finding, sentence=sentence, figures=figures)


def doubt_of_foreign(recording: Recording, never_acked: Iterable[RecordId]) -> str:
    """Why it is not known whether all of these records are other producers'; "" if it is known."""
    shared = recording.shared
    if shared.foreign is not None or not all(map(shared.may_be_foreign, never_acked)):
        return ""
    reason = plain(recording.facts.foreign or "the run ended early")
    return f"which records of the shared topics are other producers' is not known ({reason})"
