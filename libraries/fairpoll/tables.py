"""Verdict tables: for Robot's log as HTML, for the console as plain text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from textwrap import wrap
from typing import Literal

from fairpoll.text import plain

Status = Literal["pass", "fail", "inconclusive"]

COLUMNS = ("criterion", "expected", "measured", "verdict")
CELL_COLUMNS = 44  # in the console: three such cells and a verdict fit a wide terminal
# Of the log's own colours, so that the table follows its light and dark theme; the fallbacks serve
# pages that do not define them. The log sets messages in preformatted monospace, which this undoes.
_TABLE = (
    "border-collapse:collapse;table-layout:auto;width:100%;max-width:900px;"
    "font:13px Helvetica,Arial,sans-serif;white-space:normal;text-align:left"
)
_BORDER = "border:1px solid var(--secondary-color,#999);padding:5px 9px;overflow-wrap:anywhere"
_HEAD = f"{_BORDER};background:var(--primary-color,#8883);white-space:nowrap"
_CAPTION = "text-align:left;font-size:16px;font-weight:bold;padding:4px 0 8px"


@dataclass(frozen=True)
class Row:
    """One criterion and what came of it. An inconclusive one fails too, and says so in its own word."""

    criterion: str
    expected: str
    measured: str
    status: Status

    @property
    def cells(self) -> tuple[str, str, str]:
        """The three texts as they are shown: on one line, nothing in them that could act."""
        return plain(self.criterion), plain(self.expected), plain(self.measured)


def criteria_table(rows: Sequence[Row], caption: str) -> str:
    """An HTML table for the log; every text in it is escaped. Robot's labels colour the verdicts."""
    head = "".join(f'<th scope="col" style="{_HEAD}">{column.capitalize()}</th>' for column in COLUMNS)
    return (
        f'<table style="{_TABLE}"><caption style="{_CAPTION}">{escape(plain(caption))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, rows))}</tbody></table>"
    )


def text_table(rows: Sequence[Row]) -> str:
    """The same for the console: aligned columns under a ruled heading, long cells on several lines."""
    lines: list[Sequence[str]] = [COLUMNS]
    for row in rows:
        folded = [wrap(cell, CELL_COLUMNS, break_on_hyphens=False) for cell in row.cells]
        lines += zip_longest(*folded, [row.status.upper()], fillvalue="")
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _row(row: Row) -> str:
    cells = "".join(
        # Short cells stay whole; a long one beside them gives way.
        f'<td style="{_BORDER}{";white-space:nowrap" if len(cell) <= 20 else ""}">{escape(cell)}</td>'
        for cell in row.cells
    )
    label = "pass" if row.status == "pass" else "fail"
    verdict = f"<span class='label {label}'>{row.status.upper()}</span>"
    return f'<tr>{cells}<td style="{_BORDER};white-space:nowrap">{verdict}</td></tr>'
