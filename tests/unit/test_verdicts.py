"""What is made of verdict.json files: the summary, the comparison, the trend; and that they are inert."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from test_inert import HOSTILE, TAGS, Reader

from fairpoll.base.errors import HistoryError
from fairpoll.cli.main import main
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.reports.compare import changes
from fairpoll.reports.run_charts import run_charts
from fairpoll.reports.summary import MOST_UNMET, summary
from fairpoll.reports.summary_page import Shown, page
from fairpoll.reports.svg import standalone
from fairpoll.reports.trend import read_all, trend
from fairpoll.verdicts.rejudge import judge_again
from fairpoll.verdicts.schema import schema_text
from fairpoll.verdicts.verdict import Verdict
from fairpoll.verdicts.verdict_json import JudgedSuites, NotJudged, read_runs, read_verdict, to_text, worst
from recordings import write_recording

Json = dict[str, Any]


def finding(status: str = "pass", measured: str = "0.2 s", **other: str) -> Json:
    usual = {
        "sentence": "",
        "check": "oldest_wait_at_most",
        "criterion": "low-volume oldest wait",
        "consumer": "async",
        "expected": "at most 5 s",
    }
    return {**usual, "status": status, "measured": measured, **other}


def figures(wait: float) -> Json:
    usual = {name: {} for name in ("delivered", "acked", "oldest_wait_seconds", "latency_seconds")}
    numbers = ("total_delivered", "low_volume_share", "peak_memory_mebibytes", "jain_index")
    return {
        **usual,
        **dict.fromkeys(numbers, 0),
        "low_volume_oldest_wait_seconds": wait,
        "records_per_second": 10.0,
    }


def run(*findings: Json, wait: float = 0.2, **other: object) -> Json:
    usual = {
        "run_id": "20260101-120000-abcd",
        "scenario": "bursts",
        "speed": 1.0,
        "cluster": "Kafka",
        "faults": [],
        "figures": {"async": figures(wait)},
    }
    verdict = worst(one["status"] for one in findings)
    return {**usual, "verdict": verdict, "findings": list(findings), **other}


def written(folder: Path, *runs: Json) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "verdict.json"
    path.write_text(json.dumps({"verdict": "pass", "runs": runs}), "utf-8")
    return path


def changed(folder: Path, before: Json, after: Json) -> list[tuple[str, str, str, str]]:
    found = changes(read_runs(written(folder / "a", before)), read_runs(written(folder / "b", after)))
    return [(change.kind, change.criterion, change.before, change.after) for change in found]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("pass", "fail", "worse"),
        ("pass", "inconclusive", "worse"),
        ("inconclusive", "fail", "worse"),
        ("fail", "inconclusive", "better"),
        ("fail", "pass", "better"),
        ("pass", "pass", "same"),
    ],
)
def test_a_change_is_one_of_verdict(before: str, after: str, kind: str, tmp_path: Path):
    found = changed(tmp_path, run(finding(before, "0.2 s")), run(finding(after, "7.0 s")))
    assert found == [(kind, "low-volume oldest wait", f"{before}: 0.2 s", f"{after}: 7.0 s")]


def test_what_appeared_and_what_went(tmp_path: Path):
    lost = finding("fail", "3 lost", check="nothing_lost", criterion="nothing lost")
    assert changed(tmp_path, run(finding()), run(lost)) == [
        ("went", "low-volume oldest wait", "pass: 0.2 s", "-"),
        ("appeared", "nothing lost", "-", "fail: 3 lost"),
    ]


def test_the_worse_come_first_and_the_same_check_with_two_bounds_is_two(tmp_path: Path):
    strict = finding(expected="at most 1 s")
    before = run(finding("fail", consumer="sync"), finding(), strict, strict)
    after = run(finding(consumer="sync"), finding(), {**strict, "status": "fail"})
    assert [kind for kind, *_ in changed(tmp_path, before, after)] == ["worse", "better", "same"]


def test_runs_of_one_scenario_are_told_apart(tmp_path: Path):
    """By what was done to them, whichever broker it was, else by their order."""

    def harmed(*whats: str) -> Json:
        return run(
            finding(), faults=[{"target": "broker", "what": what, "since": 1, "until": 1} for what in whats]
        )

    frozen, killed = harmed("froze broker 3, for 6 s"), harmed("killed async", "killed async")
    runs = read_runs(written(tmp_path, frozen, killed, harmed(), harmed()))
    assert [change.scenario for change in changes(runs, runs)] == [
        "bursts (froze a broker, for 6 s)",
        "bursts (killed async)",
        "bursts",
        "bursts [2]",
    ]


def test_compare_exits_with_1_only_when_something_got_worse(tmp_path: Path):
    good, bad = written(tmp_path / "good", run(finding())), written(tmp_path / "bad", run(finding("fail")))
    done = CliRunner().invoke(main, ["compare", str(good.parent), str(bad)])
    assert done.exit_code == 1
    assert "1 worse, 0 went, 0 appeared, 0 better, 0 same" in done.output
    row = "| worse | bursts | async | low-volume oldest wait | pass: 0.2 s | fail: 0.2 s |"
    assert row in done.output.splitlines()
    done = CliRunner().invoke(main, ["compare", str(bad), str(good)])
    assert done.exit_code == 0
    done = CliRunner().invoke(main, ["compare", str(good), str(good)])
    assert (done.exit_code, "| same |" in done.output) == (0, False)
    assert "| same | bursts |" in CliRunner().invoke(main, ["compare", "--all", str(good), str(good)]).output


def test_the_summary(tmp_path: Path):
    late = finding("fail", "7.0 s", consumer="run")
    shown = summary(read_runs(written(tmp_path, run(finding(), late))))
    assert shown.splitlines() == [
        "**Fairpoll: fail** on Kafka",
        "",
        "| scenario | consumer | criteria met | oldest low-volume wait | records/s | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
        "| bursts | async | 1 of 1 | 0.2 s | 10.0 | PASS |",
        "",
        "Not met:",
        "",
        "| scenario | consumer | criterion | expected | measured | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
        "| bursts | run | low-volume oldest wait | at most 5 s | 7.0 s | FAIL |",
    ]


def test_a_summary_stays_short(tmp_path: Path):
    many = [finding("fail", criterion=str(number)) for number in range(MOST_UNMET + 3)]
    shown = summary(read_runs(written(tmp_path, run(*many))))
    assert shown.count("| FAIL |") == 1 + MOST_UNMET
    assert shown.endswith("and 3 more in verdict.json")


def test_a_recordings_own_verdict_will_do(tmp_path: Path):
    write_recording(tmp_path)
    judge_again(tmp_path).verdict.write()
    assert "| four messages | c |" in CliRunner().invoke(main, ["summary", str(tmp_path)]).output


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no verdict.json in it; nothing has been judged there"),
        ("{", "not a verdict of this version: Input data was truncated"),
        ("[]", "not a verdict of this version: Expected `object`, got `array`"),
        (
            '{"verdict": "pass", "runs": [{"run_id": 1}]}',
            r"not a verdict of this version: Expected `str`, got `int` - at `\$.runs\[0\].run_id`",
        ),
        ('{"verdict": "pass", "runs": 5}', "Expected `array`, got `int`"),
        (json.dumps(run({"check": "x", "status": "pass"})), "missing required field `expected`"),
    ],
)
def test_what_is_no_verdict_is_told_in_one_sentence(text: str | None, reason: str, tmp_path: Path):
    if text is not None:
        (tmp_path / "verdict.json").write_text(text, "utf-8")
    with pytest.raises(HistoryError, match=reason):
        read_runs(tmp_path)


def test_the_trend_is_in_the_order_of_the_runs_dates_and_counts_a_run_once(tmp_path: Path):
    later, earlier = (run(finding(), run_id=f"2026010{day}-120000-aa", wait=day) for day in (3, 2))
    written(tmp_path / "a", later)
    written(tmp_path / "a" / "evidence" / "bursts", later)  # as each recording has its own
    written(tmp_path / "b", earlier, run(finding(), run_id="20260104-120000-aa", speed=10.0))
    runs, passed_over = read_all(tmp_path)
    assert [f"{dated.made:%d}" for dated in runs] == ["02", "03", "04"]
    assert passed_over == []
    page = trend(runs)
    assert [page.count(f">{title}: the runs") for title in ("bursts", "bursts, at speed 10")] == [1, 1]
    assert "seconds of the scenario: async ends at 3, highest 3." in page
    assert "2026-01-02 12:00" in page


def test_files_that_cannot_be_placed_in_time_are_named(tmp_path: Path):
    written(tmp_path / "a", run(finding()))
    written(tmp_path / "b", run(finding(), run_id="manual"))
    runs, passed_over = read_all(tmp_path)
    assert len(runs) == 1
    assert "run id &#x27;manual&#x27; does not begin with a date" in trend(runs, passed_over)
    with pytest.raises(HistoryError, match=r"no run with a verdict\.json .* 'manual'"):
        read_all(tmp_path / "b")


def test_the_trend_is_written_where_it_is_told(tmp_path: Path):
    written(tmp_path, run(finding()))
    done = CliRunner().invoke(main, ["trend", str(tmp_path)])
    assert done.output.strip() == str(tmp_path / "trend.html")
    assert (tmp_path / "trend.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_hostile_texts_do_nothing(tmp_path: Path):
    hostile = finding("fail", HOSTILE, criterion=HOSTILE, consumer=HOSTILE, expected=HOSTILE)
    by_name = {HOSTILE: figures(1.0)}
    written(tmp_path, run(hostile, scenario=HOSTILE, cluster=HOSTILE, figures=by_name))
    runs, _ = read_all(tmp_path)
    read = Reader(trend(runs, [HOSTILE]))
    assert read.tags <= TAGS | {"html", "head", "meta", "body", "h1", "ul", "li"}
    assert (read.acting, read.links) == ([], [])
    assert "<script>" not in summary(read_runs(tmp_path))
    shown = CliRunner().invoke(main, ["compare", "--all", str(tmp_path), str(tmp_path)]).output
    assert "<script>" not in shown


def test_what_could_not_be_judged_is_inconclusive_and_has_no_place_in_a_trend(tmp_path: Path):
    path = written(tmp_path, run(finding()))
    content = json.loads(path.read_text("utf-8"))
    content["not_judged"] = [{"name": "mine.yaml", "reason": "line 3: no sink"}]
    path.write_text(json.dumps(content), "utf-8")
    text = summary(read_runs(path))
    assert text.startswith("**Fairpoll: inconclusive** on Kafka\n")
    assert "| mine.yaml | - | could be judged | yes | line 3: no sink | INCONCLUSIVE |" in text
    runs, passed_over = read_all(tmp_path)
    assert (len(runs), passed_over) == (1, [])


def test_the_schema_in_the_reference_is_made_from_the_typed_form():
    path = Path(__file__).parents[2] / "docs" / "reference" / "verdict.schema.json"
    assert path.read_text("utf-8") == schema_text(), "write it anew with: python docs/build.py"


def test_a_verdict_is_read_as_it_was_written(tmp_path: Path):
    write_recording(tmp_path)
    own = judge_again(tmp_path).verdict.judged
    why = NotJudged(name="mine.yaml", reason="line 3: no sink")
    for judged in (own, JudgedSuites(verdict="inconclusive", runs=(own,), not_judged=(why,))):
        (tmp_path / "verdict.json").write_text(to_text(judged), "utf-8")
        assert read_verdict(tmp_path).runs == (own,)


def test_pages_are_made_again_without_the_recording(tmp_path: Path):
    """Byte for byte as they were, from verdict.json and series.json alone."""
    folder = tmp_path / "evidence" / "one"
    folder.mkdir(parents=True)
    write_recording(folder)
    verdict = Verdict(load_recording(folder))
    verdict.judge("oldest_wait_at_most", "c", volume="low", seconds=5)
    stored = verdict.stored(curves=True)
    drawn = run_charts(stored, ["c"])
    verdict.write()
    (tmp_path / "verdict.json").write_text(
        to_text(JudgedSuites(verdict="pass", runs=(verdict.judged,))), "utf-8"
    )
    for path in folder.iterdir():
        if path.name not in ("verdict.json", "series.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, f"{tmp_path / 'summary.html'}\n")
    for name, svg in drawn.items():
        assert (folder / "charts" / f"{name}.svg").read_text("utf-8") == standalone(svg)
    assert set(drawn) == {"delivered-c", "oldest-wait-c", "latency-c"}
    expected = page([Shown(stored, drawn)], {}, stored.run.cluster, tmp_path, ["verdict.json"])
    assert (tmp_path / "summary.html").read_text("utf-8") == expected


def test_a_run_without_series_is_named(tmp_path: Path):
    written(tmp_path, run(finding()))
    done = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert isinstance(done.exception, HistoryError)
    assert str(done.exception) == (
        f"{tmp_path}: no series.json of these runs at or below it: 20260101-120000-abcd"
    )
