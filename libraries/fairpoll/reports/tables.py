"""Verdict tables: for Robot's log as HTML, for the console as plain text, for pages in Markdown."""

from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from textwrap import wrap

from fairpoll.base.text import plain
from fairpoll.checkers.finding import Finding

COLUMNS = ("criterion", "expected", "measured", "verdict")
NOTHING = "-"  # the cell of a missing value
CELL_COLUMNS = 44  # in the console: three such cells and a verdict fit a wide terminal
# The colours of Robot's log, so that the table follows its light and dark theme; pages that do not define
# them use the fallbacks. The log shows messages in preformatted monospace, which this undoes.
_TABLE = (
    "border-collapse:collapse;table-layout:auto;width:100%;max-width:900px;"
    "font:13px Helvetica,Arial,sans-serif;white-space:normal;text-align:left"
)
_BORDER = "border:1px solid var(--secondary-color,#999);padding:5px 9px;overflow-wrap:anywhere"
_HEAD = f"{_BORDER};background:var(--primary-color,#8883);white-space:nowrap"
_CAPTION = "text-align:left;font-size:16px;font-weight:bold;padding:4px 0 8px"


def criteria_table(findings: Sequence[Finding], caption: str) -> str:
    """An HTML table for the log; every text in it is escaped. Robot's labels colour the verdicts."""
    return _table(COLUMNS, [_row(finding) for finding in findings], caption)


def html_table(columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """Any table in the same look; every text in it is escaped."""
    return _table(columns, ["".join(map(_cell, map(plain, row))) for row in rows], caption)


def text_table(findings: Sequence[Finding]) -> str:
    """The same for the console: aligned columns under a ruled heading; long cells take several lines."""
    lines: list[Sequence[str]] = [COLUMNS]
    for finding in findings:
        folded = [wrap(cell, CELL_COLUMNS, break_on_hyphens=False) for cell in _cells(finding)]
        lines += zip_longest(*folded, [finding.status.upper()], fillvalue="")
    return aligned(lines)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the first line ruled as their heading."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in ruled
    )


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Any table in Markdown; texts are escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(markdown_text, line)) + " |" for line in lines)


def markdown_text(text: str) -> str:
    """Text that stays within its cell or line, without HTML."""
    return escape(plain(text), quote=False).replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*")


def _table(columns: Sequence[str], rows: Sequence[str], caption: str) -> str:
    """A table of rows whose cells are HTML already."""
    head = "".join(f'<th scope="col" style="{_HEAD}">{escape(_heading(c))}</th>' for c in columns)
    body = "".join(f"<tr>{cells}</tr>" for cells in rows)
    return (
        f'<table style="{_TABLE}"><caption style="{_CAPTION}">{escape(plain(caption))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _heading(text: str) -> str:
    """With a capital first letter; other capitals are kept."""
    return plain(text)[:1].upper() + plain(text)[1:]


def _cell(text: str) -> str:
    """Short cells are not wrapped; long ones beside them are."""
    return f'<td style="{_BORDER}{";white-space:nowrap" if len(text) <= 20 else ""}">{escape(text)}</td>'


def _cells(finding: Finding) -> tuple[str, str, str]:
    """The three texts as they are shown: on one line and inert."""
    return plain(finding.criterion), plain(finding.expected), plain(finding.measured)


def _row(finding: Finding) -> str:
    cells = "".join(map(_cell, _cells(finding)))
    label = "pass" if finding.status == "pass" else "fail"
    verdict = f"<span class='label {label}'>{finding.status.upper()}</span>"
    return f'{cells}<td style="{_BORDER};white-space:nowrap">{verdict}</td>'
