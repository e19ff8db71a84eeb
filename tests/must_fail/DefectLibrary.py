"""Keywords that run many consumers on one scenario and check which criterion catches which."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from robot.api import Failure, logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.base import clock
from fairpoll.checkers import CRITERIA, DELIVERY_GUARANTEES, Finding, Status, judge
from fairpoll.contract.subject import Subject
from fairpoll.evidence import layout
from fairpoll.evidence.history import Recording
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.keywords.judging import INCONCLUSIVE, settle
from fairpoll.keywords.session import SESSION
from fairpoll.reports.tables import criteria_table
from fairpoll.scenarios.units import Action

HERE = Path(__file__).parent
NO_MORE = "-"

# Every criterion with the thresholds of its scenario; the suites judge with the same functions.
GUARANTEES: dict[str, dict[str, object]] = {
    **{name: {} for name in DELIVERY_GUARANTEES},
    "buffers_bounded": {},
    "pauses_pair_up": {},
    "memory_bounded": {"mebibytes": 160},
    "output_readable": {},
    "clock_honest": {},
    "membership_kept": {},
    "stays_alive": {},
    "stops_when_asked": {"seconds": 10},
}
HANDOVER: dict[str, dict[str, object]] = {
    **GUARANTEES,
    "delivers_again": {"seconds": 6},
    "every_partition_served": {"seconds": 8},
    "no_stall": {"seconds": 8},
}
JUDGED: dict[str, dict[str, dict[str, object]]] = {
    "steady.yaml": {
        **GUARANTEES,
        "oldest_wait_at_most": {"volume": "low", "seconds": 2},
        "every_partition_served": {"seconds": 3},
        "no_stall": {"seconds": 5},
        "throughput_at_least": {"of": "async", "share": 0.8},
        "memory_grows_at_most": {"mebibytes": 90},
    },
    "handover.yaml": HANDOVER,
    # No correct consumer is silent for half as long; the slow ones take 8 s.
    "slow_handover.yaml": {**HANDOVER, "every_partition_served": {"seconds": 6}},
    "poison.yaml": {**GUARANTEES},
    # A killed member holds its partitions until its session of 2 s ends, and a Python takes seconds to start.
    "kill.yaml": {**GUARANTEES, "recovers_within": {"seconds": 10}},
}


@library(scope="GLOBAL", doc_format="MARKDOWN")
class DefectLibrary:
    """Runs consumers of `consumers.py` side by side and holds each against every criterion."""

    def __init__(self) -> None:
        self._scenario = ""
        self._rows: list[Finding] = []
        self._cut_off: Recording | None = None

    @keyword
    def run_consumers_on(self, scenario: str, *consumers: str) -> None:
        """Runs all of them, and the built-in async one, in groups of their own on the same traffic."""
        self._scenario = scenario
        SESSION.record(HERE / scenario, 1.0, _under_test(consumers))

    @keyword
    def run_and_kill_consumers_on(self, scenario: str, *consumers: str) -> None:
        """Runs them as `Run Consumers On` does, kills each one's process and starts it again at once."""
        self._scenario = scenario
        SESSION.begin(Path(scenario).stem, HERE / scenario, 1.0, _under_test(consumers))
        experiment = SESSION.running().experiment
        since = clock.now_ms()
        for verb in ("kill", "start"):
            for members in experiment.members.values():
                members.act(Action(verb))
        experiment.note_fault("consumer", "killed every consumer", since, clock.now_ms())
        SESSION.finish()

    @keyword
    def criterion_should_fail(self, criterion: str, consumer: str, passing: str, *thresholds: str) -> None:
        """Fails unless the criterion, with these thresholds, fails for one consumer and passes for the other.

        A criterion that compares with a solo run is given the solo run of the consumer that must fail.
        """
        declared = CRITERIA[criterion]
        given: dict[str, Any] = {}
        for name, _, value in (threshold.partition("=") for threshold in thresholds):
            given[name] = declared.thresholds[name].type(value)
        if "solo_seconds" in declared.thresholds:
            given["solo_seconds"] = SESSION.solo_wait(_slug(consumer), given["volume"])
        failing, other = (
            SESSION.verdict().judge(criterion, _slug(name), **given) for name in (consumer, passing)
        )
        measured = f"{criterion}: {failing.measured}"
        self._rows.append(_row(consumer, f"caught by {criterion}", measured, "fail"))
        if (failing.status, other.status) != ("fail", "pass"):
            sentences = "\n".join(f"{finding.status}: {finding.sentence}" for finding in (failing, other))
            prefix = INCONCLUSIVE if "inconclusive" in (failing.status, other.status) else ""
            raise Failure(f"{prefix}{criterion} does not tell the two apart:\n{sentences}")
        self._rows[-1] = replace(self._rows[-1], status="pass")
        BuiltIn().set_test_message(measured)

    @keyword
    def cut_off_recording_should_fail(self, criterion: str) -> None:
        """Fails unless this criterion doubts a copy of the recording with half of the ledger."""
        finding = judge(criterion, self._half_a_ledger(), "run")
        caught = finding.status == "inconclusive" and "planned messages acked" in finding.sentence
        status: Status = "pass" if caught else "fail"
        self._rows.append(_row("half a ledger", f"caught by {criterion}", finding.measured, status))
        if not caught:
            raise Failure(f"{criterion} was {finding.status} on half a ledger: {finding.sentence}")

    @keyword
    def consumer_should_be_caught(self, consumer: str, caught_by: str, consequences: str) -> None:
        """Fails unless this criterion fails for the consumer, and besides it only its consequences do.

        A consequence may be inconclusive: it need not fail either.
        """
        consequent = [] if consequences == NO_MORE else consequences.split()
        judged = self._judge(consumer, inconclusive=consequent)
        failed = {name: finding for name, finding in judged if finding.status == "fail"}
        measured = f"{caught_by}: {failed[caught_by].measured}" if caught_by in failed else "not caught"
        self._rows.append(_row(consumer, f"caught by {caught_by}", measured, "fail"))
        allowed = {caught_by, *consequent}
        if unknown := allowed - CRITERIA.keys():
            raise ValueError(f"no such criteria: {', '.join(sorted(unknown))}")
        if caught_by not in failed:
            raise Failure(f"{consumer} was not caught by {caught_by}, but by {sorted(failed) or 'nothing'}")
        if unrelated := failed.keys() - allowed:
            sentences = "\n".join(failed[name].sentence for name in unrelated)
            raise Failure(f"{consumer} was also caught by {', '.join(sorted(unrelated))}:\n{sentences}")
        self._rows[-1] = replace(self._rows[-1], status="pass")
        BuiltIn().set_test_message(measured)

    @keyword
    def rate_should_be_ignored(self, consumer: str) -> None:
        """Fails unless each criterion that depends on the load is inconclusive because of this sink.

        No other criterion may fail.
        """
        judged = JUDGED[self._scenario].items()
        found = {n: SESSION.verdict().judge(n, _slug(consumer), **thresholds) for n, thresholds in judged}
        reason = f"{_slug(consumer)} delivered"
        of_load = {name: finding for name, finding in found.items() if CRITERIA[name].depends_on_load}
        unseen = [n for n, f in of_load.items() if f.status != "inconclusive" or reason not in f.sentence]
        failed = [finding.sentence for finding in found.values() if finding.status == "fail"]
        measured = f"recording_is_sound: {next(iter(of_load.values())).sentence.partition(' (')[0]}"
        status: Status = "fail" if unseen or failed else "pass"
        self._rows.append(_row(consumer, "caught by recording_is_sound", measured, status))
        if status == "fail":
            raise Failure(f"not seen by {', '.join(unseen) or 'none'}; failed: {'; '.join(failed) or 'none'}")

    @keyword
    def consumer_should_pass_everything(self, consumer: str) -> None:
        """Fails if any criterion does."""
        findings = [finding for _, finding in self._judge(consumer)]
        met = sum(finding.status == "pass" for finding in findings)
        status: Status = "pass" if met == len(findings) else "fail"
        self._rows.append(_row(consumer, "passes everything", f"{met} of {len(findings)} criteria", status))
        settle(findings)

    @keyword
    def consumer_should_pass_what_it_shows(self, consumer: str, *unshown: str) -> None:
        """Fails if any criterion does, except that these have no evidence."""
        findings = dict(self._judge(consumer, unshown))
        lacking = [name for name, finding in findings.items() if finding.measured == "no evidence"]
        shown = [finding for name, finding in findings.items() if name not in lacking]
        passed = lacking == [*unshown] and all(finding.status == "pass" for finding in shown)
        status: Status = "pass" if passed else "fail"
        self._rows.append(_row(consumer, "passes what it shows", f"without {', '.join(lacking)}", status))
        if lacking != [*unshown]:
            raise Failure(f"{consumer} has no evidence of {lacking}, expected {[*unshown]}")
        settle(shown)

    @keyword
    def log_the_kill_table(self) -> None:
        """Logs which criterion caught which consumer, and writes kill_table.json with the same."""
        logger.info(criteria_table(self._rows, caption="Kill table"), html=True)
        rows = [
            {"consumer": r.criterion, "expected": r.expected, "measured": r.measured, "status": r.status}
            for r in self._rows
        ]
        (SESSION.results.folder / "kill_table.json").write_text(json.dumps(rows), "utf-8")

    def _half_a_ledger(self) -> Recording:
        """The current recording, cut off in the middle of its ledger; read once for all criteria."""
        whole = SESSION.verdict().recording
        if self._cut_off is None or self._cut_off.run_id != whole.run_id:
            with TemporaryDirectory() as folder:
                copy = Path(shutil.copytree(whole.folder, Path(folder) / whole.folder.name))
                lines = (copy / layout.LEDGER).read_bytes().splitlines(keepends=True)
                (copy / layout.LEDGER).write_bytes(b"".join(lines[: len(lines) // 2]))
                self._cut_off = load_recording(copy)
        return self._cut_off

    def _judge(
        self, consumer: str, unshown: Sequence[str] = (), inconclusive: Sequence[str] = ()
    ) -> list[tuple[str, Finding]]:
        """Each criterion of the scenario with its finding.

        Raises Failure if one is inconclusive that has evidence (`unshown` have none) and is not among the
        `inconclusive` ones, which may be.
        """
        verdict = SESSION.verdict()
        found = [
            (name, verdict.judge(name, _slug(consumer), **thresholds))
            for name, thresholds in JUDGED[self._scenario].items()
        ]
        # Nobody stops or measures a consumer that has ended on its own.
        ended = any(name == "stays_alive" and finding.status == "fail" for name, finding in found)
        doubts = [
            finding
            for name, finding in found
            if finding.status == "inconclusive"
            and name not in inconclusive
            and not (ended and name in ("stops_when_asked", "memory_grows_at_most"))
            and not (name in unshown and finding.measured == "no evidence")
        ]
        if doubts:
            raise Failure(f"{INCONCLUSIVE}{'; '.join(finding.sentence for finding in doubts)}")
        return found


def _under_test(names: Sequence[str]) -> list[Subject]:
    command = (sys.executable, str(HERE / "consumers.py"))
    broken = [Subject(_slug(name), (*command, name), restart="restart" in name) for name in names]
    return [Subject.built_in("async"), *broken]


def _slug(name: str) -> str:
    return name.replace(" ", "-").replace("'", "")


def _row(consumer: str, expected: str, measured: str, status: Status) -> Finding:
    """A row of the kill table."""
    return Finding(criterion=consumer, expected=expected, measured=measured, sentence="", status=status)
