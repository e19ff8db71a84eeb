"""The verdict of a folder of results in a few lines, for a terminal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairpoll.base.errors import HistoryError
from fairpoll.evidence import layout
from fairpoll.verdicts.shown import cannot_show

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 2}
# verdict.json has all sentences.
MOST_SENTENCES = 10
PAGES = ("summary.html", "log.html")


def outcome(folder: Path) -> tuple[str, str]:
    """The lines to print, and the verdict; "" for that where nothing was judged.

    The lines are the verdict, a sentence for each criterion that does not hold, what could not be judged and
    where the pages are. Raises HistoryError for a verdict.json that cannot be read.
    """
    path = folder / layout.VERDICT
    try:
        whole = json.loads(path.read_text("utf-8")) if path.exists() else {}
        runs, not_judged = whole.get("runs", []), whole.get("not_judged", [])
        lines, verdict = _lines(runs, not_judged), whole["verdict"] if runs else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HistoryError(f"{path}: not a verdict of this version: {error!r}") from None
    pages = [str(folder / name) for name in PAGES if (folder / name).exists()]
    return "\n".join([*lines, *pages]), verdict


def _lines(runs: list[Mapping[str, Any]], not_judged: list[Mapping[str, str]]) -> list[str]:
    reasons = [
        f"- could not be run or judged: {one['name']}: {one['reason']}".replace(": : ", ": ")
        for one in not_judged
    ]
    if not runs:
        return ["NOT RUN: nothing was judged", *reasons]
    findings = [finding for run in runs for finding in run["findings"]]
    unmet = [f for status in ("fail", "inconclusive") for f in findings if f["status"] == status]
    sentences = [f"- {f['status'].upper()}: {f['sentence']}" for f in unmet[:MOST_SENTENCES]]
    if len(unmet) > MOST_SENTENCES:
        sentences.append(f"- and {len(unmet) - MOST_SENTENCES:,} more, in {layout.VERDICT}")
    missing = [cannot_show(name, kinds) for run in runs for name, kinds in run.get("not_shown", {}).items()]
    return [_verdict(runs, findings, bool(not_judged)), *sentences, *reasons, *dict.fromkeys(missing)]


def _verdict(runs: list[Mapping[str, Any]], findings: list[Mapping[str, Any]], incomplete: bool) -> str:
    """`FAIL: consumer.py: 3 of 15 criteria do not hold, on Apache Kafka 4.3.1 (KRaft), 1 broker`."""
    names = ", ".join(dict.fromkeys(name for run in runs for name in run.get("judged", {})))
    about = f"{names}: " if names else ""
    where = f", on {runs[0]['cluster']}" + (
        f" at SPEED {runs[0]['speed']:g}" if runs[0]["speed"] != 1 else ""
    )
    count = {status: sum(f["status"] == status for f in findings) for status in EXIT_CODES}
    if count["fail"]:
        return f"FAIL: {about}{count['fail']} of {len(findings)} criteria do not hold{where}"
    if count["inconclusive"] or incomplete:
        undecided = f"{count['inconclusive']} of {len(findings)} criteria could not be judged"
        return f"INCONCLUSIVE: {about}not decided: {undecided}{where}. Run again, or with a lower SPEED"
    return f"PASS: {about}all {len(findings)} criteria hold{where}"
