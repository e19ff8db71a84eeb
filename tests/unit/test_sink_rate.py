"""The sink's rate, held against every delivery from the first assignment on."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from fairpoll.checkers import CRITERIA, judge
from fairpoll.checkers.sink_rate import rate_ignored
from fairpoll.contract.settings import PollSettings
from fairpoll.scenarios.file import load_scenario
from histories import SCENARIO, acked, consumer, delivered, event, recording

# 100 records a second for a minute; a poll has at most 100.
FAST = replace(SCENARIO, sink_rate=100.0, settings=PollSettings(max_poll_records=100))
MESSAGES = [*acked("high", *([0.0] * 9000)), *acked("low", 0)]
BEFORE = -5.0


def sink(times: Iterable[float], *, topic: str = "high", member: str = "", begun: float = BEFORE):
    assigned = {**event("partitions_assigned", begun, ("high", 0), ("low", 0)), "member": member}
    records = [delivered(topic, n, at, member=member) for n, at in enumerate(times)]
    return consumer("mine", *records, events=[assigned])


def paced(rate: float, *, begun: float = BEFORE, until: float = 60.0, late: float = 0.0) -> list[float]:
    """On an absolute schedule from the assignment on, nothing in the first `late` seconds."""
    count = int((until - begun) * rate)
    return sorted(max(begun + n / rate, begun + late) for n in range(count))


def ignored(times: Iterable[float], scenario=FAST, messages=MESSAGES, **more) -> str | None:
    return rate_ignored(recording(messages, sink(times), scenario=scenario, **more), "mine")


def test_a_sink_that_keeps_its_rate_tests_the_consumer():
    assert ignored(paced(100)) is None


def test_a_fifth_too_fast_is_seen():
    assert ignored(paced(120)) == (
        "mine delivered 7,800 records from second -5.0 to 60.0 where its sink's rate allows 6,499, "
        "and 100 at once: it ignores FAIRPOLL_SINK_RATE"
    )


def test_a_record_that_is_written_twice_at_once_counts_once():
    once = sink(paced(100))
    twice = [record for record in once.delivered for _ in range(2)]
    mine = consumer("mine", *twice, events=once.events)
    assert rate_ignored(recording(MESSAGES, mine, scenario=FAST), "mine") is None


def test_a_backlog_that_is_eaten_before_second_0_is_seen():
    # In the traffic itself it keeps the rate.
    reason = ignored([*(-3 + n / 10_000 for n in range(3000)), *paced(100, begun=0.0)])
    assert reason
    assert reason.startswith("mine delivered 3,000 records from second -5.0 to -2.7 where its sink's rate")


@pytest.mark.parametrize(
    "times",
    [
        paced(100, late=20.0),
        [float(int(at) + 1) for at in paced(100)],  # flushes once a second
        [BEFORE + (n // 100) for n in range(6500)],  # writes a poll at once, then waits its time
    ],
    ids=["catches up after a delay", "flushes once a second", "writes a poll at once"],
)
def test_correct_sinks_of_other_designs(times: list[float]):
    assert ignored(times) is None


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_at_speed_10_a_real_second_may_be_written_at_once(speed: float):
    thousands = [BEFORE + n // 1000 * 10 for n in range(6500)]
    assert (ignored(thousands, speed=speed) is None) == (speed == 10.0)


def changing(*steps: tuple[float, float | None]) -> dict[str, object]:
    timeline = [{"at_ms": at * 1000, "verb": "sink", "rate": rate} for at, rate in steps]
    return {"facts": {"start_ms": 0.0, "timeline": timeline}}


def test_each_time_between_two_changes_is_judged_on_its_own():
    slow = changing((20, 2), (40, 200))
    kept = [*paced(100, until=20), *(20 + n / 2 for n in range(40)), *(40 + n / 200 for n in range(3900))]
    assert ignored(kept, **slow) is None
    reason = ignored(paced(100), **slow)
    assert reason
    assert "from second 20.0 to 40.0 where its sink's rate allows 40, and 100 at once" in reason
    idle_before = [40 + n / 400 for n in range(6000)]  # the idle time before is not credited
    assert "from second 40.0" in (ignored(idle_before, **slow) or "")


def test_a_time_without_a_limit_is_not_judged():
    assert ignored([30 + n / 10_000 for n in range(8000)], **changing((20, None))) is None


def test_a_topic_with_a_rate_of_its_own_is_judged_on_its_own():
    own = replace(FAST, topics=(replace(FAST.topics[0], sink_rate=5.0), FAST.topics[1]))
    assert ignored(paced(5), own) is None
    reason = ignored(paced(20), own)
    assert reason
    assert "records of high from second" in reason


def test_each_member_has_a_sink_of_its_own():
    both = [*MESSAGES, *acked("low", *([0.0] * 9000))]
    first, second = sink(paced(100)), sink(paced(100, begun=10.0), topic="low", member="member-2", begun=10.0)
    together = replace(
        first, delivered=[*first.delivered, *second.delivered], events=[*first.events, *second.events]
    )
    assert rate_ignored(recording(both, together, scenario=FAST), "mine") is None


def test_without_assignments_the_first_delivery_begins():
    run = recording(MESSAGES, replace(sink(paced(100)), events=[]), scenario=FAST)
    assert rate_ignored(run, "mine") is None
    # One that flushes is assigned before its first delivery shows.
    flushed = [float(int(at / 5) * 5 + 5) for at in paced(100)]
    early = recording(
        MESSAGES,
        replace(sink(flushed), events=[]),
        scenario=FAST,
        facts={"start_ms": 0.0, "assigned_ms": BEFORE * 1000},
    )
    assert rate_ignored(early, "mine") is None


def test_every_criterion_of_service_is_inconclusive_for_that_reason():
    made = recording(MESSAGES, sink(-3 + n / 10_000 for n in range(9000)), scenario=FAST)
    thresholds = {"volume": "high", "records": 1, "share": 0.1, "seconds": 9, "percentile": 99, "times": 4}
    thresholds |= {"solo_seconds": 1, "of": "mine"}
    for name, declared in CRITERIA.items():
        if declared.depends_on_load and declared.needs is None:
            given = {key: thresholds[key] for key in declared.thresholds}
            finding = judge(name, made, "mine", **given)
            assert finding.status == "inconclusive", name
            assert "it ignores FAIRPOLL_SINK_RATE" in finding.sentence, name


ROOT = Path(__file__).parents[2]
PACKAGED = [
    *(ROOT / "resources" / "scenarios").glob("*.yaml"),
    ROOT / "libraries/fairpoll/templates/scenario.yaml",
]
ENOUGH = 5_000


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.name)
def test_a_consumer_without_a_rate_is_seen_in_each_scenario(path: Path):
    scenario = load_scenario(path)
    messages, records = [], []
    for topic in scenario.topics:
        due = [-5.0] * topic.backlog + [
            topic.starts_after_seconds + burst * topic.traffic.interval_seconds
            for burst in range(topic.live_bursts(scenario.duration_seconds))
            for _ in range(topic.traffic.messages)
        ]
        messages += acked(topic.name, *due[:ENOUGH])
        records += [delivered(topic.name, n, at + 0.01) for n, at in enumerate(due[:ENOUGH])]
    run = recording(messages, consumer("mine", *records), scenario=scenario)
    assert rate_ignored(run, "mine")
