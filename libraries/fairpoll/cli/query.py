"""`fairpoll query`: a recording's tables, by SQL."""

import csv
import json
import math
import sys
from pathlib import Path
from typing import Any

import click

from fairpoll.cli.options import FOLDER
from fairpoll.evidence.querying import TABLES, Answer
from fairpoll.evidence.querying import query as answer
from fairpoll.evidence.reading.loading import load_recording

_TABLES = "\n\n".join(f"\b\n{table}: {', '.join(columns)}" for table, columns in TABLES.items())
_TEXT = {True: "true", False: "false", None: "NULL"}


@click.command(
    short_help="Ask a recording a question in SQL.",
    help=f"""Ask the recording in this folder a question in the SQL of DuckDB.

Times are seconds of the scenario from the start of the live traffic. The tables are copies: a query cannot
change the recording, and it reaches no other file. What each column holds is in docs/reference/tables.md.

{_TABLES}

Example: fairpoll query FOLDER "select topic, max(waited) from deliveries group by topic"
""",
)
@click.argument("folder", type=FOLDER)
@click.argument("sql")
@click.option("--format", "output", type=click.Choice(["table", "csv", "json"]), default="table")
def query(folder: Path, sql: str, output: str) -> None:
    """Print the result of the query."""
    answered = answer(load_recording(folder), sql)
    if output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([answered.columns, *answered.rows])
    elif output == "json":
        rows = [dict(zip(answered.columns, map(_plain, row), strict=True)) for row in answered.rows]
        click.echo(json.dumps(rows, ensure_ascii=False, default=str))
    else:
        click.echo(_aligned(answered))


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(cell: Any) -> str:
    return _TEXT[cell] if cell is None or isinstance(cell, bool) else str(cell)


def _aligned(answered: Answer) -> str:
    texts = [[_text(cell) for cell in row] for row in answered.rows]
    lines = [list(answered.columns), *texts]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numbers = [all(isinstance(row[n], int | float) for row in answered.rows) for n in range(len(widths))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in lines
    )
