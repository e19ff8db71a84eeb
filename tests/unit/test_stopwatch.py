"""Where time is said to have gone."""

import pytest

from fairpoll.reports import stopwatch
from fairpoll.reports.stopwatch import AROUND, LIVE, REST, Stopwatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: now[0])
    return now


def test_a_part_within_another_counts_once(clock: list[float]):
    watch = Stopwatch()
    with watch("judged"):
        clock[0] += 2
        with watch("charts drawn"):
            clock[0] += 3
    clock[0] += 1
    parts = watch.parts("recorded", [])
    assert parts == {LIVE: 0, AROUND: 0, "charts drawn": 3, "judged": 2, REST: 1, "whole": 6}


def test_live_traffic_side_by_side_counts_once(clock: list[float]):
    watch = Stopwatch()
    with watch("recorded"):
        clock[0] += 20
    spans = [(0, 8_000), (1_000, 9_000), (10_000, 14_000)]
    parts = watch.parts("recorded", spans)
    assert (parts[LIVE], parts[AROUND], parts["whole"]) == (13, 7, 20)
