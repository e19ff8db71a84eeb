"""The verdict of a results folder in a few lines, for a terminal."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from fairpoll.checkers.finding import Finding
from fairpoll.evidence import layout
from fairpoll.verdicts.shown import cannot_show
from fairpoll.verdicts.verdict_json import JudgedRun, NotJudged, read_verdict, unmet

# verdict.json has all sentences.
MOST_SENTENCES = 10
PAGES = ("summary.html", "log.html")


def outcome(folder: Path) -> tuple[str, str]:
    """The lines to print, and the verdict; "" for that where nothing was judged.

    The lines are the verdict, a sentence for each criterion that does not hold, what could not be judged and
    where the pages are. Raises HistoryError for a verdict.json that cannot be read.
    """
    lines, verdict = ["NOT RUN: nothing was judged"], ""
    if (folder / layout.VERDICT).exists():
        judged = read_verdict(folder)
        lines = _lines(judged.runs, judged.not_judged)
        verdict = judged.verdict if judged.runs else ""
    pages = [str(folder / name) for name in PAGES if (folder / name).exists()]
    return "\n".join([*lines, *pages]), verdict


def unmet_sentences(findings: Iterable[Finding]) -> list[str]:
    """`FAIL: sentence` of each finding that is not a pass, failures first."""
    return [f"{finding.status.upper()}: {finding.sentence}" for finding in unmet(findings)]


def _lines(runs: Sequence[JudgedRun], not_judged: Sequence[NotJudged]) -> list[str]:
    reasons = [f"{one.name}: {one.reason}" if one.name else one.reason for one in not_judged]
    missing = [f"- could not be run or judged: {reason}" for reason in reasons]
    if not runs:
        return ["NOT RUN: nothing was judged", *missing]
    findings = [finding for run in runs for finding in run.findings]
    sentences = [f"- {sentence}" for sentence in unmet_sentences(findings)]
    if len(sentences) > MOST_SENTENCES:
        more = len(sentences) - MOST_SENTENCES
        sentences[MOST_SENTENCES:] = [f"- and {more:,} more, in {layout.VERDICT}"]
    hidden = [cannot_show(name, kinds) for run in runs for name, kinds in run.not_shown.items()]
    return [_verdict(runs, findings, bool(missing)), *sentences, *missing, *dict.fromkeys(hidden)]


def _verdict(runs: Sequence[JudgedRun], findings: Sequence[Finding], incomplete: bool) -> str:
    """`FAIL: consumer.py: 3 of 15 criteria do not hold, on Apache Kafka 4.3.1 (KRaft), 1 broker`."""
    names = ", ".join(dict.fromkeys(name for run in runs for name in run.judged))
    about = f"{names}: " if names else ""
    speed = f" at SPEED {runs[0].speed:g}" if runs[0].speed != 1 else ""
    where = f"on {runs[0].cluster}{speed}"
    count = Counter(finding.status for finding in findings)
    if count["fail"]:
        return f"FAIL: {about}{count['fail']} of {len(findings)} criteria do not hold, {where}"
    if count["inconclusive"] or incomplete:
        open_criteria = f"{count['inconclusive']} of {len(findings)} criteria could not be judged"
        return f"INCONCLUSIVE: {about}{open_criteria}, {where}. Run again, or with a lower SPEED"
    return f"PASS: {about}all {len(findings)} criteria hold, {where}"
