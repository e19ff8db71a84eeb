"""The charts: fit to stand in a page they do not own, and true to their data."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from fairpoll.reports.charts import COLORS, Limit, Panel, Point, Series, panels
from fairpoll.reports.svg import standalone

RAMP = Series("sync", [(0, 0), (120, 120)], "orange")
SAWTOOTH = Series("async", [(t, t % 3) for t in range(121)], "blue")
BUDGET = Limit(5, "budget 5 s")
HOSTILE = ["<script>x()</script>", 'a" onload="alert(1)', "$x_1$", "&amp;", "#010203", "\x00\x1b[31m"]


def chart(*series: Series, limit: Limit | None = None) -> str:
    return panels("Waiting", "seconds", [Panel("", "age, seconds", series, limit)])


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("text")]


def ids(svg: str) -> list[str]:
    return re.findall(r'\bid="([^"]*)"', svg)


def outline(svg: str, color: str) -> list[tuple[float, float]]:
    """The corners, in px, of the widest line drawn in a colour: not the short one beside its label."""
    paths = [path for path in ET.fromstring(svg).iter("path") if f"stroke: {color}" in path.get("style", "")]
    return max((corners(path.get("d", "")) for path in paths), key=lambda line: line[-1][0] - line[0][0])


def corners(path: str) -> list[tuple[float, float]]:
    x = y = 0.0
    visited = []
    for letter, numbers in re.findall(r"([Mlhv])([^Mlhvz]*)", path):
        values = [float(number) for number in numbers.split()]
        if letter == "M":
            x, y = values
        else:
            x += values[0] if letter in "lh" else 0
            y += values[-1] if letter in "lv" else 0
        visited.append((x, y))
    return visited


def test_labels_titles_and_limit_are_texts_in_the_drawing() -> None:
    shown = texts(chart(RAMP, SAWTOOTH, limit=BUDGET))
    assert {"Waiting", "seconds", "age, seconds", "sync", "async", "budget 5 s", "120", "0"} <= set(shown)


def test_it_can_stand_in_a_page_that_it_does_not_own() -> None:
    svg = chart(RAMP, SAWTOOTH, limit=BUDGET)
    assert svg.startswith("<svg ")
    assert 'width="100%"' in svg
    assert "max-width:900px" in svg
    assert "currentColor" in svg
    for intruder in ("<?xml", "<!DOCTYPE", "<style", "<metadata", "http:", "#010203", "\n", "DejaVu"):
        assert intruder not in svg


def test_a_screen_reader_is_told_what_the_picture_shows() -> None:
    root = ET.fromstring(chart(RAMP, Series("async", [], "blue"), limit=BUDGET))
    title, description = root[0], root[1]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "Waiting"
    assert description.text == ("age, seconds: sync ends at 120, highest 120; async has no data; budget 5 s.")


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_a_label_says_is_shown_and_does_nothing(text: str) -> None:
    panel = Panel(text, text, [Series(text, [(0, 0), (1, 1)])], Limit(1, text))
    svg = panels(text, text, [panel])
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    joined = " ".join(texts(svg)) + " "
    assert joined.count(f"{shown} ") == 6
    assert {element.tag for element in ET.fromstring(svg).iter()} <= {
        "svg", "title", "desc", "g", "path", "text",
    }  # fmt: skip
    assert not [name for element in ET.fromstring(svg).iter() for name in element.attrib if name[:2] == "on"]
    ET.fromstring(standalone(svg).encode())


def test_equal_input_gives_equal_bytes_also_in_another_process() -> None:
    program = (
        "from fairpoll.reports.charts import *;"
        "print(panels('t', 'x', [Panel('', 'y', [Series('a', [(0, 0), (9, 9)])], Limit(5, 'b'))]), end='')"
    )
    here = panels("t", "x", [Panel("", "y", [Series("a", [(0, 0), (9, 9)])], Limit(5, "b"))])
    assert subprocess.check_output([sys.executable, "-c", program], text=True, encoding="utf-8") == here


def test_equal_bytes_when_drawn_by_several_threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        drawn = set(pool.map(lambda _: chart(RAMP, SAWTOOTH, limit=BUDGET), range(8)))
    assert len(drawn) == 1


def test_two_charts_in_one_page_share_no_id_and_refer_to_nothing() -> None:
    one, other = chart(RAMP, limit=BUDGET), chart(RAMP, SAWTOOTH, limit=BUDGET)
    assert not set(ids(one)) & set(ids(other))
    for svg in (one, other):
        assert len(ids(svg)) == len(set(ids(svg))) == 2
        assert "href" not in svg
        assert "url(" not in svg


def test_charts_that_differ_only_in_a_title_still_share_no_id() -> None:
    long = "x" * 150
    assert not set(ids(panels(long + "1", "", [Panel("", "", [])]))) & set(
        ids(panels(long + "2", "", [Panel("", "", [])]))
    )


@pytest.mark.parametrize("step", [True, False])
@pytest.mark.parametrize("limit", [None, Limit(500, "limit")])
@pytest.mark.parametrize("lines", [1, 6])
def test_a_hundred_thousand_points_stay_under_50_kb(step: bool, limit: Limit | None, lines: int) -> None:
    noise = [(i / 800, float(i * 7_919 % 1_009)) for i in range(100_000)]
    series = [Series(f"noise {n}", noise, step=step) for n in range(lines)]
    assert len(chart(*series, limit=limit).encode()) < 50_000
    assert len(panels("Two", "s", [Panel("p", "y", series, limit)] * 2).encode()) < 50_000


def test_thinning_keeps_a_single_peak_and_a_single_dip() -> None:
    points: list[Point] = [(i, 50.0) for i in range(100_000)]
    points[61_803], points[20_001] = (61_803, 100.0), (20_001, 0.0)
    heights = [y for _, y in outline(chart(Series("s", points, "green")), COLORS["green"])]
    flat = heights[0]
    assert flat - min(heights) == pytest.approx(max(heights) - flat, abs=0.2)
    assert max(heights) - min(heights) > 200


def test_only_what_lies_above_the_limit_is_shaded() -> None:
    svg = chart(Series("s", [(0, 0), (10, 10), (20, 0)], "green"), limit=Limit(5, "limit"))
    shade, *more = [
        path for path in ET.fromstring(svg).iter("path") if "fill: #0c9270" in path.attrib["style"]
    ]
    assert not more
    line, shaded = outline(svg, COLORS["green"]), corners(shade.attrib["d"])
    floor, peak = max(y for _, y in shaded), min(y for _, y in shaded)
    assert peak == min(y for _, y in line)
    assert floor == pytest.approx((max(y for _, y in line) + peak) / 2, abs=0.2)
    raised = [x for x, y in shaded if y == floor]
    quarter = (line[-1][0] - line[0][0]) / 4
    assert any(x == pytest.approx(line[0][0] + quarter, abs=0.2) for x in raised)


def test_a_step_line_holds_its_value_until_the_next_point_and_to_the_end() -> None:
    late = Series("late", [(10, 1)], "green", step=True)
    line = outline(chart(Series("count", [(0, 0), (60, 10)], "orange", step=True), RAMP, late), "#dd6010")
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(line))
    (first, *_), (last, *_) = line[0], line[-1]
    assert line[1][0] == pytest.approx((first + last) / 2, abs=0.2)


def test_a_count_that_never_rose_is_a_line_along_the_floor() -> None:
    svg = chart(Series("sync 0", [(0, 0)], "purple", step=True), RAMP)
    line = outline(svg, COLORS["purple"])
    assert line[-1][0] - line[0][0] > 500
    assert len({y for _, y in line}) == 1


def test_no_points_are_said_to_be_no_data() -> None:
    assert "async: no data" in texts(chart(Series("async", [])))
    assert "async: no data" in texts(chart(RAMP, Series("async", [(float("nan"), 1), (1, float("inf"))])))


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(5, 5)],
        [(0, 0)],
        [(0, 0), (120, 0)],
        [(3, 1), (3, 2), (3, 3)],
        [(0, -5), (1, 5)],
        [(0, 1e18), (1e18, 1e308)],
        [(0, 1e-300), (1e-300, 1e-300)],
        [(1.7e9, 1), (1.7e9 + 120, 2)],
    ],
    ids=["none", "one", "origin", "flat zero", "one moment", "negative", "huge", "tiny", "epoch"],
)
@pytest.mark.parametrize("step", [True, False])
@pytest.mark.parametrize("limit", [None, BUDGET])
def test_odd_data_is_drawn_within_the_picture(points: list[Point], step: bool, limit: Limit | None) -> None:
    svg = chart(Series("odd", points, "green", step=step), limit=limit)
    width, height = map(float, ET.fromstring(svg).attrib["viewBox"].split()[2:])
    assert all(0 <= x <= width and 0 <= y <= height for x, y in outline(svg, COLORS["green"]))
    assert "nan" not in svg
    assert "inf" not in svg.replace("info", "")


def test_a_single_point_is_a_visible_dot() -> None:
    svg = chart(Series("one", [(5, 5)], "green"))
    assert "stroke-linecap: round" in svg


def test_unsorted_points_are_drawn_from_left_to_right() -> None:
    assert chart(Series("s", [(2, 2), (0, 0), (1, 1)])) == chart(Series("s", [(0, 0), (1, 1), (2, 2)]))


def test_many_lines_that_end_together_get_labels_that_do_not_overlap() -> None:
    svg = chart(*(Series(f"consumer number {n} of the group called payments", [(0, 0), (1, 1)])
                  for n in range(12)))  # fmt: skip
    rows = [float(y) for y in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>(?:consumer|the group|group)', svg)]
    assert len(rows) >= 12
    assert min(b - a for a, b in pairwise(sorted(rows))) >= 15


def test_the_panels_of_a_chart_share_the_x_axis_and_name_it_once() -> None:
    high = Panel("high", "messages", [Series("a", [(0, 0), (60, 4_800)])])
    low = Panel("low", "messages", [Series("b", [(0, 0), (120, 40)])])
    shown = texts(panels("Delivered", "seconds", [high, low]))
    assert shown.count("seconds") == shown.count("120") == 1
    assert {"4,000", "40"} <= set(shown)


def test_no_panels_are_a_title_alone() -> None:
    assert texts(panels("Nothing ran", "seconds", [])) == ["Nothing ran"]


def test_a_file_of_its_own_has_a_size_a_namespace_and_both_themes() -> None:
    file = standalone(chart(RAMP))
    assert file.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" ')
    assert "prefers-color-scheme:dark" in file
    assert ET.fromstring(file.encode()).get("width") == "932"
    with pytest.raises(ValueError, match="takes a chart that panels"):
        standalone("<p>")


def test_importing_charts_does_not_import_matplotlib() -> None:
    program = "import sys, fairpoll.reports.charts; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
