"""Runs suites many times in a row and shows whether a verdict ever changes.

    python benchmarks/repeat.py --runs 20 --speed 10 --include specified
    python benchmarks/repeat.py --runs 20 --cluster local --include scenarios
    python benchmarks/repeat.py --runs 20 --cluster local --brokers 3 --include faults
    python benchmarks/repeat.py --runs 10 --suite tests/must_fail/suites

Prints a line a run with the tests that failed, and at the end the spread of each figure. Exit code 1
when any run did not pass.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from robot.api import ExecutionResult

SUITES = Path(__file__).parent.parent / "suites"


@click.command()
@click.option("--runs", default=20, show_default=True, help="How many runs on each cluster.")
@click.option("--cluster", "clusters", multiple=True, default=("mock", "local"), help="On which clusters.")
@click.option("--speed", default=1.0, show_default=True, help="SPEED of every run.")
@click.option("--brokers", default=1, show_default=True, help="BROKERS of every run.")
@click.option("--include", multiple=True, help="Only tests with this tag.")
@click.option("--suite", default=SUITES, type=click.Path(exists=True, path_type=Path), help="Which suites.")
@click.option(
    "--results", type=click.Path(path_type=Path), help="Where the logs go; default: a temporary folder."
)
def main(
    *,
    runs: int,
    clusters: tuple[str, ...],
    speed: float,
    brokers: int,
    include: tuple[str, ...],
    suite: Path,
    results: Path | None,
) -> None:
    """Run suites many times in a row and show whether a verdict ever changes."""
    folder = results or Path(tempfile.mkdtemp(prefix="fairpoll-repeat-"))
    click.echo(f"logs in {folder}")
    failed = 0
    for cluster in clusters:
        figures: dict[str, list[float]] = {}
        for number in range(1, runs + 1):
            output = folder / f"{cluster}-{number:02}"
            started = time.monotonic()
            command = [sys.executable, "-m", "robot", "--console", "none", "--outputdir", str(output)]
            command += ["--variable", f"CLUSTER:{cluster}", "--variable", f"SPEED:{speed:g}"]
            command += ["--variable", f"BROKERS:{brokers}"]
            command += [word for tag in include for word in ("--include", tag)]
            code = subprocess.run([*command, str(suite)], check=False, capture_output=True).returncode
            failed += code != 0
            click.echo(f"{cluster} {number:2}: {'passed' if code == 0 else 'FAILED'}, {tests_of(output)}")
            figures.setdefault("seconds", []).append(time.monotonic() - started)
            for name, value in figures_of(output).items():
                figures.setdefault(name, []).append(value)
        for name, values in figures.items():
            middle = statistics.median(values)
            click.echo(f"{cluster}, {name}: {min(values):.4g} to {max(values):.4g}, median {middle:.4g}")
    click.echo(f"{runs * len(clusters)} runs, {failed} failed")
    sys.exit(1 if failed else 0)


def tests_of(output: Path) -> str:
    """How many tests passed, and each that did not with the first line of its message."""
    tests = list(ExecutionResult(output / "output.xml").suite.all_tests)
    failed = [f"\n    {test.full_name}: {test.message.splitlines()[0]}" for test in tests if not test.passed]
    return f"{len(tests) - len(failed)} of {len(tests)} tests{''.join(failed)}"


def figures_of(output: Path) -> dict[str, float]:
    """For each run and mode: what was delivered, and how long the oldest message of each volume waited."""
    seen = {}
    for run in json.loads((output / "verdict.json").read_text("utf-8"))["runs"]:
        for mode in ("sync", "async"):
            if its := run["figures"].get(mode):
                where = f"{run['scenario']}, {mode}"
                seen[f"{where}, delivered"] = its["total_delivered"]
                seen[f"{where}, low-volume oldest wait"] = its["low_volume_oldest_wait_seconds"]
    return seen


if __name__ == "__main__":
    main()
