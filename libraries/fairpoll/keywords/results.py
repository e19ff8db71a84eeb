"""The files of a whole Robot run beside its log: verdict.json and summary.html."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from robot import result
from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.base.errors import FairpollError
from fairpoll.evidence import layout
from fairpoll.reports.stopwatch import Stopwatch
from fairpoll.reports.summary_page import NAME as SUMMARY
from fairpoll.reports.summary_page import Shown, page
from fairpoll.verdicts.verdict import Verdict
from fairpoll.verdicts.verdict_json import JudgedSuites, NotJudged, to_text, worst

RECORDED = "scenarios recorded"
# The prefix of Robot's message for a test whose suite's setup failed.
PARENT_FAILED = "Parent suite setup failed:\n"


class Results:
    """The verdicts of a Robot run, in the order of their recordings."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.stopwatch = Stopwatch()
        # Scenarios and tests that could not be run or judged -> the reason.
        self._not_judged: dict[str, str] = {}
        # A finding's sentence -> the id of its test in the log.
        self._tests: dict[str, str] = {}
        # A recording's folder -> its charts of all consumers.
        self._charts: dict[Path, dict[str, str]] = {}
        # The folder of the summary, and the files beside it: Robot does not provide them in `close`.
        self._place: tuple[Path, list[str]] | None = None

    @property
    def folder(self) -> Path:
        """Robot's output folder."""
        return Path(BuiltIn().get_variable_value("${OUTPUT DIR}"))

    def open(self) -> None:
        """Link log and report to the summary, which is written whatever the outcome."""
        BuiltIn().set_suite_metadata("Summary", f"[{SUMMARY}|{SUMMARY}]", top=True)
        self._place = (self.folder, _pages_of_robot(self.folder))

    @contextlib.contextmanager
    def noting(self, name: str) -> Iterator[None]:
        """Record a FairpollError of the block in verdict.json and the summary, and raise it again."""
        try:
            yield
        except FairpollError as error:
            self._not_judged[name] = str(error)
            self.write_verdicts()
            raise

    def note_test(self, test: result.TestCase) -> None:
        """Record a failed test: the test of the findings in its message, or as not judged without any."""
        if self._place is None or not test.failed:
            return
        unmet = [f for v in self.verdicts for f in v.findings if f.status != "pass"]
        mine = [finding.sentence for finding in unmet if finding.sentence in test.message]
        self._tests |= dict.fromkeys(mine, test.id)
        message = test.message.removeprefix(PARENT_FAILED)
        if not mine and message not in self._not_judged.values():
            self._not_judged[test.name] = message
            self._tests[message] = test.id
            self.write_verdicts()

    def keep_charts(self, verdict: Verdict, consumers: Sequence[str], drawn: Mapping[str, str]) -> None:
        """Keep charts of all consumers of the run for the summary; later ones replace earlier ones."""
        if set(consumers) == set(verdict.recording.consumers):
            self._charts.setdefault(verdict.recording.folder, {}).update(drawn)

    def has_charts(self, verdict: Verdict) -> bool:
        """Whether the charts have been drawn, and so are in the log."""
        return verdict.recording.folder in self._charts

    def write_verdicts(self) -> None:
        """Write the verdict.json of the whole Robot run, and one beside each recording."""
        for verdict in self.verdicts:
            verdict.write()
        runs = tuple(verdict.judged for verdict in self.verdicts)
        reasons = tuple(NotJudged(name=name, reason=why) for name, why in self._not_judged.items())
        verdicts = [*(run.verdict for run in runs), *("inconclusive" for _ in reasons)]
        whole = JudgedSuites(verdict=worst(verdicts), runs=runs, not_judged=reasons)
        (self.folder / layout.VERDICT).write_text(to_text(whole), "utf-8")

    def times(self) -> dict[str, float]:
        """The parts of the run -> their seconds until now."""
        facts = [verdict.recording.facts for verdict in self.verdicts]
        return self.stopwatch.parts(RECORDED, [(run.start_ms or 0.0, run.end_ms or 0.0) for run in facts])

    def close(self, cluster: str) -> None:
        """Write the summary; a full disk is a warning."""
        if self._place is None:
            return
        (folder, pages), self._place = self._place, None
        runs = [
            Shown(verdict.stored(), self._charts.get(verdict.recording.folder, {}))
            for verdict in self.verdicts
        ]
        seconds = "; ".join(f"{part} {seconds:,.1f} s" for part, seconds in self.times().items())
        beside = [*pages, *([layout.VERDICT] if (folder / layout.VERDICT).exists() else [])]
        try:
            content = page(
                runs, self._not_judged, cluster, folder, beside, tests=self._tests, foot=f"Time: {seconds}"
            )
            (folder / SUMMARY).write_text(content, "utf-8")
            logger.console(f"Summary: {folder / SUMMARY}")
        except OSError as error:
            logger.warn(f"{SUMMARY} could not be written: {error}")


def _pages_of_robot(folder: Path) -> list[str]:
    """The names of the log and the report, if they are written into this folder."""
    paths = [Path(BuiltIn().get_variable_value(f"${{{kind} FILE}}")) for kind in ("LOG", "REPORT")]
    return [path.name for path in paths if path.parent == folder]
