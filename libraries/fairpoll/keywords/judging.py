"""Judges criteria for a test: logs the table and charts, and sets the test's message."""

from collections.abc import Callable, Sequence
from html import escape
from urllib.parse import quote

from robot.api import Failure, SkipExecution, logger
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.checkers import Finding
from fairpoll.keywords.session import SESSION
from fairpoll.reports.run_charts import run_charts, write_charts
from fairpoll.reports.tables import criteria_table
from fairpoll.verdicts.orders import judge_in_each_order
from fairpoll.verdicts.series import StoredRun
from fairpoll.verdicts.verdict import Verdict
from fairpoll.verdicts.verdict_json import unmet

INCONCLUSIVE = "INCONCLUSIVE: "
# In place of a consumer, for criteria about the run.
RUN = "run"


def judge(check: str, mode: str, **thresholds: object) -> None:
    """Judge one criterion and settle the test; `mode` as for `find`."""
    settle(find(check, mode, **thresholds))


def find(check: str, mode: str, **thresholds: object) -> list[Finding]:
    """Judge one criterion, in each of the current recordings, and keep the findings, for `settle`.

    `mode` is the word that suites use for the consumer, or RUN. Raises ValueError if the run has no such
    consumer.
    """
    consumer = RUN if mode == RUN else SESSION.consumer(mode)
    with SESSION.results.stopwatch("judged"):
        return judge_in_each_order(SESSION.verdicts(), check, consumer, **thresholds)


def settle(findings: Sequence[Finding]) -> None:
    """Log the table, write verdict.json, then pass with the figures or fail with every unmet criterion."""
    with SESSION.results.stopwatch("verdicts written"):
        SESSION.results.write_verdicts()
    verdicts = SESSION.verdicts()
    judged = [finding for finding in findings if all(verdict.decides(finding) for verdict in verdicts)]
    if not judged:
        # Skipped: evidence that the consumer cannot show is listed once in the summary, and decides nothing.
        raise SkipExecution(f"not judged: {findings[0].sentence}")
    findings = judged
    consumer = findings[0].consumer
    cluster = verdicts[0].recording.cluster
    logger.info(criteria_table(findings, caption=f"{consumer}, {cluster}"), html=True)
    not_met = unmet(findings)
    if not not_met:
        BuiltIn().set_test_message(f"{consumer}: {measured(findings)}", append=True, separator="\n")
        return
    judged_in = next((verdict for verdict in verdicts if not_met[0] in verdict.findings), verdicts[0])
    raise Failure(_message(not_met, len(findings), f"evidence: {judged_in.recording.folder}"))


def measured(findings: Sequence[Finding]) -> str:
    """Each criterion once, with what was measured; in both orders of the topics' names if that differs."""
    by_key: dict[object, list[Finding]] = {}
    for finding in findings:
        by_key.setdefault(finding.key, []).append(finding)
    texts = {found[0].criterion: [f.measured for f in found] for found in by_key.values()}
    return "; ".join(f"{title}: {' and '.join(dict.fromkeys(each))}" for title, each in texts.items())


def _message(not_met: Sequence[Finding], judged: int, evidence: str) -> str:
    """The message of a test that did not pass; one failure outweighs any number of inconclusive ones."""
    failed = [finding for finding in not_met if finding.status == "fail"]
    prefix = "" if failed else INCONCLUSIVE
    if len(not_met) == 1:
        return f"{prefix}{not_met[0].sentence}; {evidence}"
    lines = [
        f"- {INCONCLUSIVE if failed and finding.status == 'inconclusive' else ''}{finding.sentence}"
        for finding in not_met
    ]
    return "\n".join([f"{prefix}{len(not_met)} of {judged} criteria not met; {evidence}", *lines])


def log_charts(
    verdict: Verdict,
    consumers: Sequence[str],
    draw: Callable[[StoredRun, Sequence[str]], dict[str, str]] = run_charts,
) -> None:
    """Log the charts, each with a link to its file."""
    with SESSION.results.stopwatch("charts drawn"):
        drawn = draw(verdict.stored(curves=True), consumers)
        paths = write_charts(verdict.recording.folder, drawn)
    SESSION.results.keep_charts(verdict, consumers, drawn)
    for svg, path in zip(drawn.values(), paths, strict=True):
        link = quote(path.relative_to(SESSION.results.folder).as_posix())
        logger.info(f"{svg}<p><a href='{link}'>{escape(path.name)}</a></p>", html=True)
