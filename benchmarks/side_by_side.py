"""Do scenarios that run side by side come to the same verdicts as when each has the machine to itself?

    python benchmarks/side_by_side.py --rounds 7

Runs the short scenarios in turns, SIDE_BY_SIDE and one after the other, on `local`. Printed are how long the
whole takes, how many tests passed, and of each scenario the async consumer's oldest low-volume wait.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from repeat import SUITES, figures_of, tests_of

from fairpoll.reports.tables import markdown_table

WAIT = ", async, low-volume oldest wait"


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--at-once", default=3, show_default=True, help="SIDE_BY_SIDE of every other run.")
@click.option("--cluster", default="local", show_default=True)
def main(*, rounds: int, at_once: int, cluster: str) -> None:
    """Run the short scenarios side by side and one after the other, in turns, and compare."""
    seen: dict[int, list[dict[str, float]]] = {at_once: [], 1: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, rounds + 1):
            for beside, runs in seen.items():
                output = Path(folder) / f"{number}-{beside}"
                began = time.monotonic()
                command = [sys.executable, "-m", "robot", "--console", "none", "--outputdir", str(output)]
                command += ["--variable", f"CLUSTER:{cluster}", "--variable", f"SIDE_BY_SIDE:{beside}"]
                subprocess.run(
                    [*command, "--include", "scenarios", str(SUITES)], check=False, capture_output=True
                )
                runs.append({"seconds": time.monotonic() - began, **figures_of(output)})
                click.echo(f"round {number} of {rounds}, {beside} at a time: {tests_of(output)}")
    rows = [
        (name.removesuffix(WAIT), *(_spread([run[name] for run in runs]) for runs in seen.values()))
        for name in seen[1][0]
        if name == "seconds" or name.endswith(WAIT)
    ]
    click.echo(markdown_table(("", f"{at_once} at a time", "one after the other"), rows))


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
