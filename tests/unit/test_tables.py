"""The verdict tables: what they say, and that nothing put into them can act."""

from html.parser import HTMLParser

import pytest

from fairpoll.reports.tables import criteria_table, text_table
from histories import row

ROWS = [
    row("low-volume topic is starved by sync", "waits over 30 s", "120 s", "pass"),
    row("async delivers the low-volume topic", "at least 50 %", "12 of 40 (30 %)", "fail"),
    row("producer kept its plan", "at least 95 %", "61 %", "inconclusive"),
]
HOSTILE = "<script>alert(1)</script> \" ' $x_1$ & </td>\x1b[31m\nnext\u202e"


class Reader(HTMLParser):
    """Collects the tags, their classes and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.classes: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.classes += [value or "" for name, value in attrs if name == "class"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_has_a_row_for_each_criterion_in_the_order_given() -> None:
    table = Reader(criteria_table(ROWS, "Verdict"))
    assert table.texts[:5] == ["Verdict", "Criterion", "Expected", "Measured", "Verdict"]
    assert table.texts[5:9] == ["low-volume topic is starved by sync", "waits over 30 s", "120 s", "PASS"]
    assert table.tags.count("tr") == 4


def test_html_verdicts_wear_robots_labels_and_inconclusive_is_a_failure() -> None:
    table = Reader(criteria_table(ROWS, "Verdict"))
    assert table.classes == ["label pass", "label fail", "label fail"]
    assert [table.texts[at] for at in (8, 12, 16)] == ["PASS", "FAIL", "INCONCLUSIVE"]


def test_html_is_inert_whatever_is_put_in() -> None:
    table = Reader(criteria_table([row(HOSTILE, HOSTILE, HOSTILE, "fail")], HOSTILE))
    shown = "<script>alert(1)</script> \" ' $x_1$ & </td>\ufffd[31m next\ufffd"
    assert table.texts.count(shown) == 4
    assert set(table.tags) == {"table", "caption", "thead", "tbody", "tr", "th", "td", "span"}


def test_html_has_no_line_breaks_since_the_log_would_show_them() -> None:
    assert "\n" not in criteria_table([row("a\nb", "c\r\nd", "e", "pass")], "two\nlines")


def test_text_columns_line_up() -> None:
    assert text_table(ROWS) == "\n".join(
        [
            "criterion                            expected         measured         verdict",
            "-----------------------------------  ---------------  ---------------  ------------",
            "low-volume topic is starved by sync  waits over 30 s  120 s            PASS",
            "async delivers the low-volume topic  at least 50 %    12 of 40 (30 %)  FAIL",
            "producer kept its plan               at least 95 %    61 %             INCONCLUSIVE",
        ]
    )


def test_text_folds_long_cells_below_themselves() -> None:
    long = row("short", "5 s", "the producer missed its plan: 61 % were acked in time", "inconclusive")
    _, _, first, second = text_table([long]).split("\n")
    assert first == "short      5 s       the producer missed its plan: 61 % were  INCONCLUSIVE"
    assert second == "                     acked in time"


def test_text_keeps_terminal_codes_and_line_breaks_out() -> None:
    text = text_table([row(HOSTILE, "", "", "fail")])
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("draw", [text_table, lambda rows: criteria_table(rows, "")])
def test_no_rows_is_a_heading_alone(draw) -> None:  # type: ignore[no-untyped-def]
    assert "riterion" in draw([])
