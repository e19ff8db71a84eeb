"""What a whole Robot run leaves beside its log: verdict.json and summary.html."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from fairpoll import layout
from fairpoll.errors import FairpollError
from fairpoll.events import dump
from fairpoll.report import Verdict, worst
from fairpoll.summary_page import NAME as SUMMARY
from fairpoll.summary_page import Shown, page


class Results:
    """The verdicts of a Robot run, in the order of their recordings, and what else came of it."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        # What else belongs into verdict.json, by key.
        self.extra: dict[str, object] = {}
        # What could not be run to its end, and why: neither file keeps quiet about it.
        self._not_run: dict[str, str] = {}
        # Of each verdict, the charts that show all of its consumers; by its folder.
        self._charts: dict[Path, dict[str, str]] = {}
        # Where the summary goes, and what it lies beside; asked while Robot runs, which `close` may not.
        self._place: tuple[Path, list[str]] | None = None

    @property
    def folder(self) -> Path:
        """Robot's output folder."""
        return Path(BuiltIn().get_variable_value("${OUTPUT DIR}"))

    def open(self) -> None:
        """There will be a summary, whatever comes of the run; log and report link to it."""
        BuiltIn().set_suite_metadata("Summary", f"[{SUMMARY}|{SUMMARY}]", top=True)
        self._place = (self.folder, _pages_of_robot(self.folder))

    @contextlib.contextmanager
    def noting(self, name: str) -> Iterator[None]:
        """An error that keeps this from being run to its end is told in both files as well."""
        try:
            yield
        except FairpollError as error:
            self._not_run[name] = str(error)
            self.write_verdicts()
            raise

    def keep_charts(self, verdict: Verdict, consumers: Sequence[str], drawn: Mapping[str, str]) -> None:
        """For the summary, which takes the latest charts of all consumers of a run side by side."""
        if set(consumers) == set(verdict.recording.consumers):
            self._charts.setdefault(verdict.recording.folder, {}).update(drawn)

    def has_charts(self, verdict: Verdict) -> bool:
        """Whether they have been drawn, and so stand in the log."""
        return verdict.recording.folder in self._charts

    def write_verdicts(self) -> None:
        """verdict.json of the whole Robot run, and one beside each recording."""
        for verdict in self.verdicts:
            verdict.write()
        runs = [verdict.to_json() for verdict in self.verdicts]
        not_run = [{"name": name, "reason": reason} for name, reason in self._not_run.items()]
        verdicts = [*(run["verdict"] for run in runs), *("inconclusive" for _ in not_run)]
        whole = {"verdict": worst(verdicts), "runs": runs, "not_run": not_run, **self.extra}
        (self.folder / layout.VERDICT).write_text(dump(whole) + "\n", "utf-8")

    def close(self, cluster: str) -> None:
        """Write the page for those who do not read logs; a full disk is told as a warning."""
        if self._place is None:
            return
        (folder, pages), self._place = self._place, None
        runs = [Shown(verdict, self._charts.get(verdict.recording.folder, {})) for verdict in self.verdicts]
        beside = [*pages, *([layout.VERDICT] if (folder / layout.VERDICT).exists() else [])]
        try:
            (folder / SUMMARY).write_text(page(runs, self._not_run, cluster, folder, beside), "utf-8")
        except OSError as error:
            logger.warn(f"{SUMMARY} could not be written: {error}")


def _pages_of_robot(folder: Path) -> list[str]:
    """The log and the report, where they are written, and written into this folder."""
    paths = [Path(BuiltIn().get_variable_value(f"${{{kind} FILE}}")) for kind in ("LOG", "REPORT")]
    return [path.name for path in paths if path.parent == folder]
