"""The league: its rows from hand-made recordings, its pages, its contestants, and small real runs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_tables import HOSTILE, Reader

import documents
from fairpoll.base.errors import ConsumerError, LeagueError
from fairpoll.cli.main import main
from fairpoll.league.contestants import Contestant, build, built_in, chosen, load_examples
from fairpoll.league.pages import Setting, as_json, console, html, markdown, write_pages
from fairpoll.league.rows import CONDITIONS, Row, row_of
from fairpoll.league.runs import League, write_without_backlog
from fairpoll.scenarios.file import load_scenario
from fairpoll.verdicts.verdict import Verdict
from histories import acked, consumer, delivered, recording

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SPECIFIED = ROOT / "resources" / "scenarios" / "specified.yaml"
BACKLOG, REVERSED, NO_BACKLOG, TUNED = CONDITIONS
SETTING = Setting("hand-written", 10.0, "a broker", "2026-11-23 12:00 UTC", 2, "fairpoll league")


def contestant(key: str, **changes: object) -> Contestant:
    fields: dict = {"name": key, "client": "client", "version": "1.2", "language": "Go", "command": ("true",)}
    return Contestant(key, **{**fields, **changes})


def judged() -> list[Row]:
    """A control that starves, one that serves, one that repeats a record and loses another."""
    low = [("low", 0, 0.5), ("low", 1, 3.5), ("low", 2, 6.5)]
    high = [delivered("high", n, 1.0 + n) for n in range(4)]
    one = recording(
        [*acked("high", -2, -1, 1, 2), *acked("low", 0, 3, 6)],
        consumer("sync", *high),
        consumer("fair", *(delivered(*record) for record in low), *high[:3], delivered("high", 3, 70.0)),
        consumer("bad", delivered("low", 0, 20.0), delivered("low", 0, 21.0), delivered("low", 2, 22.0)),
    )
    return [row_of(Verdict(one), contestant(key), BACKLOG) for key in ("sync", "fair", "bad")]


def test_a_row_says_who_starves_by_the_criterion_and_counts_what_went_wrong():
    sync, fair, bad = judged()
    assert [row.outcome for row in (sync, fair, bad)] == ["starved", "served", "starved"]
    assert sync.why.startswith("sync let message low/0@0 (still waiting at the end) wait 60.0 s")
    assert (sync.figures.oldest_wait_seconds, sync.figures.low_delivered) == (60.0, 0)
    assert (fair.figures.oldest_wait_seconds, fair.figures.low_delivered, fair.figures.low_acked) == (
        0.5,
        3,
        3,
    )
    assert (fair.figures.high_delivered, fair.figures.low_share, fair.figures.throughput) == (3, 0.5, 1.5)
    assert (fair.figures.lost, fair.figures.duplicated, fair.figures.backlog_left) == (0, 0, 2)
    assert (bad.figures.lost, bad.figures.duplicated) == (5, 1)
    assert (bad.figures.stalled, fair.figures.stalled) == (True, True)  # 54 s without its last record
    assert bad.figures.throughput == 0.5


def test_a_contestant_that_died_is_not_ranked_by_its_wait():
    died = {"consumer": "dead", "member": 1, "pid": 1, "started_ms": 0.0, "ended_ms": 4_200.0, "exit_code": 3}
    one = recording(
        [*acked("low", 0), *acked("high", 1)],
        consumer("sync"),
        consumer("dead", delivered("low", 0, 0.5)),
        facts={"start_ms": 0.0, "processes": [died]},
    )
    row = row_of(Verdict(one), contestant("dead"), BACKLOG)
    assert (row.outcome, row.figures) == ("failed", None)
    assert row.why.startswith("dead ended on its own with exit code 3 at second 4.2, with 1 message")
    assert "| dead | client 1.2 | Go | failed | - | - | - |" in markdown([row], SETTING)
    assert "- dead, backlog 2,000: failed: dead ended on its own with exit code 3" in markdown([row], SETTING)


def test_what_the_evidence_does_not_tell_is_not_made_up():
    blind = replace(consumer("blind", delivered("low", 0, 0.5)), evidence=frozenset())
    one = recording([*acked("low", 0), *acked("high", 1)], consumer("sync"), blind)
    row = row_of(Verdict(one), contestant("blind"), NO_BACKLOG)
    assert (row.outcome, row.figures.lost, row.figures.duplicated) == ("served", None, None)
    assert "| blind | served | 0.5 | 1 of 1 | 0 | 100.0% | 0% | - | - |" in markdown([row], SETTING)


def everything() -> list[Row]:
    late = replace(judged()[1].figures, oldest_wait_seconds=9.0)
    return [
        *judged(),
        Row(contestant("late"), BACKLOG, "inconclusive", "too coarse at SPEED 10", late),
        Row(contestant("ended"), TUNED, "failed", "ended on its own\n  panic: no"),
        *(Row(contestant("rusty"), condition, "not run", "needs cargo") for condition in CONDITIONS),
    ]


def test_markdown_ranks_by_the_wait_and_says_why_there_is_no_verdict():
    page = markdown(everything(), SETTING)
    lines = page.splitlines()
    ranked = [line.split(" | ")[0] for line in lines if line.startswith("| ") and " | client 1.2 | " in line]
    assert ranked == ["| fair", "| late", "| bad", "| sync", "| ended", "| rusty"]
    assert "| fair | client 1.2 | Go | served, 0.5 s | - | - | - |" in lines
    assert "| rusty | client 1.2 | Go | not run | not run | not run | not run |" in lines
    assert "- ended, backlog 2,000, tuned: failed: ended on its own panic: no" in lines
    assert "- rusty: not run: needs cargo" in lines
    assert "| late | client 1.2 | Go | inconclusive, 9.0 s | - | - | - |" in lines
    assert "- late, backlog 2,000: inconclusive: too coarse at SPEED 10" in lines


@pytest.mark.parametrize(
    ("written", "reverse", "where"),
    [("served", "starved", "last"), ("starved", "served", "first"), ("served", "served", "")],
)
def test_who_is_fair_only_by_the_order_of_names_is_named(written: str, reverse: str, where: str):
    figures = judged()[1].figures
    by_order = ((BACKLOG, written), (REVERSED, reverse), (NO_BACKLOG, "starved"))
    rows = [Row(contestant("a"), condition, outcome, "", figures) for condition, outcome in by_order]
    remark = f"- a: fair only because the low-volume topic's name sorts {where}: the order of the topics'"
    assert (remark in markdown(rows, SETTING)) == bool(where)


def test_json_has_every_row_with_its_figures():
    data = json.loads(json.dumps(as_json(everything(), SETTING)))
    assert (data["made"], data["cores"], data["cluster"]) == ("2026-11-23 12:00 UTC", 2, "a broker")
    assert data["starved_when"] == {"criterion": "oldest_wait_at_most", "volume": "low", "seconds": 5.0}
    fair = next(row for row in data["rows"] if row["contestant"] == "fair")
    assert (fair["version"], fair["condition"], fair["outcome"]) == ("1.2", "backlog", "served")
    assert fair["figures"]["oldest_wait_seconds"] == 0.5
    assert [row["figures"] for row in data["rows"] if row["contestant"] == "rusty"] == [None] * 4


def test_html_needs_nothing_but_itself_and_is_inert():
    plain = Reader(html(everything(), SETTING))
    hostile = [
        replace(row, contestant=replace(row.contestant, name=HOSTILE), why=HOSTILE) for row in everything()
    ]
    page = html(hostile, replace(SETTING, cluster=HOSTILE))
    assert set(Reader(page).tags) == set(plain.tags)
    assert "script" not in plain.tags and "svg" in plain.tags and plain.tags.count("table") == 5
    assert "http:" not in page.replace("http://www.w3.org", "") and "https:" not in page
    assert "<script>" not in markdown(hostile, SETTING)


def test_pages_of_a_league_in_which_nobody_could_run(tmp_path: Path):
    rows = [Row(contestant("rusty"), condition, "not run", "needs cargo") for condition in CONDITIONS]
    paths = write_pages(tmp_path / "league", rows, SETTING)
    assert [path.name for path in paths] == ["league.md", "league.html", "league.json"]
    assert "rusty" in console(rows)


def test_the_scenario_without_a_backlog_is_the_same_but_for_it(tmp_path: Path):
    write_without_backlog(SPECIFIED, tmp_path / "new" / "none.yaml")
    before, after = load_scenario(SPECIFIED), load_scenario(tmp_path / "new" / "none.yaml")
    assert [topic.backlog for topic in after.topics] == [0, 0]
    assert after.control_wait_seconds is None
    topics = tuple(replace(topic, backlog=0) for topic in before.topics)
    same = replace(before, title=after.title, control_wait_seconds=None, topics=topics)
    assert after == same


EXAMPLE = """\
name: mine
client: mine
version: 1
language: Shell
needs: [sh]
build: {build}
run: ./run
documentation: none
"""


def example(folder: Path, build_command: str) -> Contestant:
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "mine" / "example.yaml").write_text(EXAMPLE.format(build=build_command), "utf-8")
    (one,) = load_examples(folder)
    return one


def test_it_is_built_in_its_folder_and_again_only_after_a_change(tmp_path: Path):
    one = example(tmp_path, "mkdir -p target && echo built >> target/log")
    assert build(one, tmp_path / "log")
    assert not build(one, tmp_path / "log")
    (tmp_path / "mine" / "run").write_text("changed", "utf-8")
    assert build(one, tmp_path / "log")
    assert (tmp_path / "mine" / "target" / "log").read_text("utf-8") == "built\n" * 2


def test_a_build_that_fails_says_its_last_words_and_is_tried_again(tmp_path: Path):
    one = example(tmp_path, "echo no compiler >&2; exit 3")
    for _ in range(2):
        with pytest.raises(LeagueError, match="build failed: no compiler"):
            build(one, tmp_path / "log")


def test_the_documented_example_can_be_read(tmp_path: Path):
    (block,) = (block for block in documents.blocks(EXAMPLES / "README.md") if block.language == "yaml")
    (tmp_path / "my-client").mkdir()
    (tmp_path / "my-client" / "example.yaml").write_text(block.code, "utf-8")
    (read,) = load_examples(tmp_path)
    assert (read.key, read.name, read.version, read.needs) == ("my-client", "my client", "1.2.3", ("go",))


def test_an_example_that_cannot_be_read_is_named(tmp_path: Path):
    path = tmp_path / "mine" / "example.yaml"
    path.parent.mkdir()
    for text, reason in (("[", "cannot be read"), ("name: x", "must have these keys"), ("- 1", "must have")):
        path.write_text(text, "utf-8")
        with pytest.raises(LeagueError, match=f"{path}: {reason}"):
            load_examples(tmp_path)
    path.write_text(EXAMPLE.replace("[sh]", "sh"), "utf-8")
    with pytest.raises(LeagueError, match="needs: must be a list"):
        load_examples(tmp_path)


def test_contestants_are_chosen_by_key_or_name():
    both = [contestant("a", name="The A"), contestant("b")]
    assert chosen(both, []) == both
    assert chosen(both, ["The A", "b"]) == both
    with pytest.raises(LeagueError, match="no contestant 'c'; there are: a, b"):
        chosen(both, ["c"])


def test_tuned_is_told_in_the_environment():
    assert contestant("a").under_test(tuned=True).command == ("env", "TUNED=1", "true")


class League_(League):  # noqa: N801
    """Without runs: a batch with `bad` in it ends, others are served."""

    def _record(self, batch, condition, scenario_file):
        self.report("run of " + " ".join(one.key for one in batch))
        if any(one.key == "bad" for one in batch):
            raise ConsumerError(
                f"bad ended on its own; its last output ({self.folder}/bad/client.log):\n  no"
            )
        return [Row(one, condition, "served", "") for one in batch]


def league(tmp_path: Path, reported: list[str], **changes: object) -> League:
    fields: dict = {
        "cluster": None,
        "scenario_file": SPECIFIED,
        "speed": 10.0,
        "together": 2,
        "folder": tmp_path,
    }
    return League_(**{**fields, "registry": None, "report": reported.append, **changes})


def test_who_ends_a_run_is_found_by_running_each_alone(tmp_path: Path):
    reported: list[str] = []
    everybody = [*built_in(), contestant("bad"), contestant("good")]
    written: list[int] = []
    rows = league(tmp_path, reported).run(everybody, lambda so_far: written.append(len(so_far)))
    backlog = [(row.contestant.key, row.outcome) for row in rows if row.condition == BACKLOG]
    assert backlog == [("sync", "served"), ("async", "served"), ("bad", "failed"), ("good", "served")]
    (why,) = {row.why for row in rows if row.outcome == "failed"}
    assert why == "bad ended on its own; its last output (bad/client.log):\n  no"
    runs = [text.removeprefix("run of ") for text in reported if text.startswith("run of")]
    assert runs[:5] == ["sync async bad", "sync", "async", "bad", "good"]
    assert written == [3, 4, 7, 8, 11, 12, 15, 16]


def test_who_lacks_a_tool_or_cannot_be_built_is_not_run_and_says_why(tmp_path: Path):
    broken = example(tmp_path, "echo no compiler >&2; exit 3")
    rows = league(tmp_path, []).run(
        [contestant("rusty", needs=("no-such-tool",)), broken], lambda _rows: None
    )
    assert {(row.contestant.key, row.outcome, row.why) for row in rows} == {
        ("rusty", "not run", "needs no-such-tool"),
        ("mine", "not run", "build failed: no compiler"),
    }
    assert len(rows) == 8


# What pins the versions, by what an example's language builds with.
LOCKS = {
    "Python": "requirements.txt",
    "JavaScript": "package-lock.json",
    "Go": "go.sum",
    "Java": "pom.xml",
    "Shell": "pom.xml",
}
PROGRAMS = (".py", ".mjs", ".go", ".java", ".sh")


# The services that are judged from outside take no part in the league.
FOLDERS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "deployed")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_an_example_is_small_locked_and_described(folder: Path):
    (one,) = [e for e in load_examples(EXAMPLES) if e.folder == folder.resolve()]
    assert one.documentation.startswith("https://")
    assert one.version in (folder / LOCKS[one.language]).read_text("utf-8")
    assert f"`{folder.name}`" in (EXAMPLES / "README.md").read_text("utf-8")
    programs = [path for path in folder.iterdir() if path.suffix in PROGRAMS]
    assert programs
    for program in programs:
        lines = [line.strip() for line in program.read_text("utf-8").splitlines()]
        code = [line for line in lines if line and not line.startswith(("#", "//", "/*", "*", '"""'))]
        assert len(code) <= 60, program


def test_the_go_examples_keep_one_contract():
    assert len({path.read_bytes() for path in EXAMPLES.glob("*/contract.go")}) == 1


def test_the_command_lists_who_takes_part_and_refuses_who_does_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    listed = CliRunner().invoke(main, ["league", "--list"])
    assert listed.exit_code == 0
    assert "async: Fairpoll async, confluent-kafka" in listed.output and "franz-go: franz-go" in listed.output
    refused = CliRunner().invoke(main, ["league", "--only", "nobody"])
    assert isinstance(refused.exception, LeagueError)
