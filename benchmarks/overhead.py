"""What does a run of the suites take beyond its scenarios' own time, and where does that go?

    python benchmarks/overhead.py --rounds 7
    python benchmarks/overhead.py --rounds 3 --include specified --include scenarios

Printed are the time from the command to its end, what of it was live traffic, and each part as the summary of
the run has it: medians over the rounds, and their spread. On `local` by default.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from html import unescape
from pathlib import Path

import click
from repeat import SUITES, tests_of

from fairpoll.reports.stopwatch import LIVE
from fairpoll.reports.tables import markdown_table


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--cluster", default="local", show_default=True)
@click.option("--speed", default=10.0, show_default=True, help="SPEED of the specified scenario.")
@click.option("--include", multiple=True, default=("specified",), show_default=True)
def main(*, rounds: int, cluster: str, speed: float, include: tuple[str, ...]) -> None:
    """Run suites and show what their time went to, beyond the scenarios' own."""
    seen: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, rounds + 1):
            output = Path(folder) / str(number)
            command = [sys.executable, "-m", "robot", "--console", "none", "--outputdir", str(output)]
            command += ["--variable", f"CLUSTER:{cluster}", "--variable", f"SPEED:{speed:g}"]
            command += [word for tag in include for word in ("--include", tag)]
            began = time.monotonic()
            subprocess.run([*command, str(SUITES)], check=False, capture_output=True)
            took = time.monotonic() - began
            click.echo(f"round {number} of {rounds}: {tests_of(output)}", err=True)
            parts = _parts(output / "summary.html")
            whole = parts.pop("whole")
            figures = {
                "from the command to its end": took,
                "beyond live traffic": took - parts[LIVE],
                **parts,
            }
            for part, seconds in {**figures, "Robot's start, output and log": took - whole}.items():
                seen.setdefault(part, []).append(seconds)
    rows = [
        (part, f"{statistics.median(values):.1f}", f"{min(values):.1f} to {max(values):.1f}")
        for part, values in seen.items()
    ]
    click.echo(markdown_table(("part", "seconds, median", "spread"), rows))


def _parts(summary: Path) -> dict[str, float]:
    (times,) = re.findall(r"Time: ([^<]*)", unescape(summary.read_text("utf-8")))
    found = (re.fullmatch(r"(.*) ([\d,.]+) s", part) for part in times.split("; "))
    return {match[1]: float(match[2].replace(",", "")) for match in found if match}


if __name__ == "__main__":
    main()
