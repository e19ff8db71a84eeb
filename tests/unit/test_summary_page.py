"""The summary: what its sentences say, and where its links lead. How it looks is in test_browser."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fairpoll.evidence.history import Recording
from fairpoll.reports.headline import headline
from fairpoll.reports.summary_page import MOST_SENTENCES, SHORT_TABLE, Shown, page
from fairpoll.scenarios.model import Scenario
from fairpoll.verdicts.verdict import Verdict
from histories import SCENARIO, acked, consumer, delivered, facts_of, recording

SERVED = consumer("async", *(delivered("low", n, 3 * n + 0.6) for n in range(20)))
STARVED = consumer("sync", *(delivered("high", n, n) for n in range(20)))
BUSY = [*acked("low", *range(0, 60, 3)), *acked("high", *range(20))]
RUN = recording(BUSY, SERVED, STARVED)
WITHIN = {"volume": "low", "seconds": 5}


def verdict(run: Recording = RUN, **criteria: dict[str, object]) -> Verdict:
    """The verdict on the async consumer, where the recording has one; else on its first."""
    made = Verdict(run)
    for criterion, thresholds in criteria.items():
        made.judge(
            criterion, "async" if "async" in run.consumers else next(iter(run.consumers)), **thresholds
        )
    return made


def shown(made: Verdict, **charts: str) -> Shown:
    return Shown(made.stored(), charts)


def topics(*volumes: str) -> Scenario:
    low, high = SCENARIO.of_volume("low")[0], SCENARIO.of_volume("high")[0]
    plans = {"low": low, "low2": replace(low, name="low2"), "high": high}
    return replace(SCENARIO, topics=tuple(plans[name] for name in volumes))


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            verdict(oldest_wait_at_most=WITHIN),
            "Async serves the low-volume topic: its oldest message waited 0.6 s; the plain loop let it wait "
            "60 s, the whole run. 1 of 1 criteria passed.",
        ),
        (
            verdict(oldest_wait_at_most={"volume": "low", "seconds": 0.1}, nothing_lost={}),
            "Async does not serve the low-volume topic: its oldest message waited 0.6 s, at most 0.1 s "
            "allowed; the plain loop let it wait 60 s, the whole run. 0 of 2 criteria passed, 2 failed.",
        ),
        (
            verdict(replace(RUN, scenario=topics("high", "low", "low2")), right_place={}),
            "In async the oldest message of the low-volume topics waited 0.6 s; the plain loop let them wait "
            "60 s, the whole run. 1 of 1 criteria passed.",
        ),
        (
            verdict(recording(BUSY, STARVED), oldest_wait_at_least={"volume": "low", "seconds": 30}),
            "In sync the oldest message of the low-volume topic waited 60 s, the whole run. 1 of 1 criteria "
            "passed.",
        ),
        (verdict(replace(RUN, scenario=topics("high")), right_place={}), "1 of 1 criteria passed."),
        (verdict(), "Nothing was judged."),
        (
            verdict(recording(BUSY, *(consumer(f"c{n}") for n in range(5))), right_place={}),
            "1 of 1 criteria passed.",
        ),
    ],
    ids=[
        "served",
        "not served",
        "several topics, not judged",
        "control alone",
        "no low volume",
        "nothing",
        "too many",
    ],
)
def test_the_verdict_in_a_sentence(made: Verdict, sentence: str):
    assert headline([made.stored()]) == sentence


def test_what_cannot_be_told_is_not_said_to_be_served():
    cut_off = replace(RUN, complete=False)
    sentence = headline([verdict(cut_off, oldest_wait_at_most={"volume": "low", "seconds": 0.1}).stored()])
    assert sentence.startswith("Async may or may not serve the low-volume topic: its oldest")
    assert sentence.endswith("0 of 1 criteria passed, 1 inconclusive.")


def test_nobody_ran_is_a_page_too(tmp_path: Path):
    text = page([], {}, "a cluster", tmp_path)
    assert "<h1>Nothing was judged.</h1>" in text
    assert "INCONCLUSIVE" in text
    assert "a cluster" in text


def test_the_first_run_stands_open_and_of_the_others_what_did_not_hold(tmp_path: Path):
    good = shown(verdict(oldest_wait_at_most=WITHIN), delivered="<svg></svg>")
    bad = shown(verdict(nothing_lost={}))
    text = page([good, good, bad], {}, "", tmp_path)
    assert text.count("<section>") == 1
    assert text.count("<details><summary><span class='label pass'>") == 1
    assert text.count("<details open><summary><span class='label fail'>") == 1
    assert text.count("<svg></svg>") == 2
    assert (
        "<h2>What did not hold</h2><ul><li><span class='label fail'>FAIL</span> async never read 20" in text
    )
    assert "<h2>All runs</h2>" in text
    assert "<h2>All runs</h2>" not in page([good], {}, "", tmp_path)


def test_long_tables_are_folded_and_long_lists_end(tmp_path: Path):
    made = verdict()
    made.findings += [made.judge("right_place", "async")] * (SHORT_TABLE - len(made.findings) - 1)
    assert "criterion by criterion" not in page([shown(made)], {}, "", tmp_path)
    made.findings += [made.judge("nothing_lost", "async")] * (MOST_SENTENCES + 2)
    text = page([shown(made)], {}, "", tmp_path)
    assert "<details open><summary>Expected and measured, criterion by criterion" in text
    assert text.count("<li>") == MOST_SENTENCES
    assert "And 3 more; verdict.json has all." in text


def test_links_are_relative_and_lead_to_what_is_there(tmp_path: Path):
    folder = tmp_path / "evidence" / "my run#1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}", "utf-8")
    text = page([shown(verdict(replace(RUN, folder=folder)))], {}, "", tmp_path, ["log.html"])
    links = re.findall(r"href='([^']*)'", text)
    assert links == ["log.html", "evidence/my%20run%231/", "evidence/my%20run%231/run.json"]


def test_faults_are_told_with_what_came_of_them(tmp_path: Path):
    faults = [{"target": "broker", "what": "killed broker 2", "from_ms": 1000.0, "until_ms": 1000.0}]
    run = replace(RUN, facts=facts_of(SCENARIO, faults=faults, start_ms=0.0))
    text = page([shown(verdict(run, recovers_within={"seconds": 90}))], {}, "", tmp_path)
    assert "<h2>Faults</h2>" in text
    row = re.findall(r"<td[^>]*>([^<]*)</td>", text[text.index("<h2>Faults") :])[:6]
    assert row[0] == "killed broker 2"
    assert row[1:4] == ["-", "-", "-"]  # not judged
    assert "1970-01-01 00:00 UTC" in text


def test_several_low_volume_topics_are_told_apart_the_longest_wait_first(tmp_path: Path):
    sent = [*acked("low", 0, 3), *acked("low2", 0, 3)]
    served = consumer(
        "async", *(delivered("low", n, 3 * n + 0.2) for n in range(2)), delivered("low2", 0, 1.5)
    )
    text = page([shown(verdict(recording(sent, served, scenario=topics("low", "low2"))))], {}, "", tmp_path)
    rows = re.findall(r"<td[^>]*>([^<]*)</td>", text[text.index("each low-volume topic waited") :])
    assert rows[:4] == ["low2", "57 s", "low", "0.2 s"]
    one = page([shown(verdict())], {}, "", tmp_path)
    assert "each low-volume topic waited" not in one


def test_what_could_not_be_judged_is_told_and_is_no_pass(tmp_path: Path):
    text = page([shown(verdict(oldest_wait_at_most=WITHIN))], {"mine.yaml": "line 3\nline 4"}, "", tmp_path)
    assert "<title>Fairpoll: inconclusive</title>" in text
    label = "<span class='label not-judged'>NOT JUDGED</span>"
    lines = f"<li>{label} mine.yaml: line 3</li><li>{label} mine.yaml: line 4</li>"
    assert f"<h2>What could not be run or judged</h2><ul>{lines}</ul>" in text
    assert "1 of 1 criteria passed. 1 more could not be run or judged.</h1>" in text


def test_only_what_was_judged_is_said_to_be_served():
    sent = [*acked("low", 0, 3), *acked("low2", 0, 3), *acked("high", 0)]
    served = consumer("async", delivered("low", 0, 0.2), delivered("low", 1, 3.2))
    run = recording(sent, served, STARVED, scenario=topics("low", "low2", "high"))
    sentence = headline([verdict(run, oldest_wait_at_most=WITHIN).stored()])
    assert sentence.startswith("Async does not serve the low-volume topics: their oldest message waited 60 s")
    made = verdict(run, oldest_wait_at_most={"volume": "low2", "seconds": 70})
    assert headline([made.stored()]).startswith(
        "Async serves low2: its oldest message waited 60 s, the whole run; the"
    )


def test_what_did_not_hold_leads_to_the_test_in_the_log(tmp_path: Path):
    made = verdict(nothing_lost={})
    (finding,) = made.findings
    text = page([shown(made)], {}, "", tmp_path, ["log.html"], tests={finding.sentence: "s1-t1"})
    assert "<a href='log.html#s1-t1'>in the log</a>" in text
    assert "#s1-t1" not in page([shown(made)], {}, "", tmp_path, [], tests={finding.sentence: "s1-t1"})


def test_the_topic_that_is_not_served_is_named():
    sent = [*acked("low", 0, 3), *acked("low2", 0, 3)]
    soon = [delivered("low", n, 3 * n + 0.2) for n in range(2)]
    sooner = [delivered("low2", n, 3 * n + 0.1) for n in range(2)]
    made = verdict(recording(sent, consumer("async", *soon, *sooner), scenario=topics("low", "low2")))
    made.judge("oldest_wait_at_most", "async", volume="low", seconds=5)
    made.judge("oldest_wait_at_most", "async", volume="low2", seconds=0.05)
    sentence = "Async does not serve low2: its oldest message waited 0.1 s, at most 0.05 s allowed."
    assert headline([made.stored()]).startswith(sentence)


def test_a_judged_command_and_what_it_cannot_show_are_on_the_page(tmp_path: Path):
    judged = {"async": {"command": "./mine --fast", "shows": []}}
    blind = replace(RUN.consumers["async"], evidence=frozenset())
    run = replace(RUN, consumers={"async": blind}, facts=facts_of(SCENARIO, judged=judged))
    made = verdict(run, nothing_lost={}, content_intact={})
    assert made.findings == []
    text = page([shown(made)], {}, "", tmp_path)
    assert "<p>async: <code>./mine --fast</code></p>" in text
    assert "async does not show which records it delivered (nothing lost); what the records" in text
    assert '"judged":{"async":{"command":"./mine --fast","shows":[]}},"not_shown":{"async":' in made.to_text()
