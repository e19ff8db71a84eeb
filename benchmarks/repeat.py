"""Runs the suites many times in a row and shows whether the verdict ever changes.

    python benchmarks/repeat.py --runs 20 --cluster mock --cluster local --speed 10

Prints a line a run, and at the end the spread of each figure. Exit code 1 when any run did not pass.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

SUITES = Path(__file__).parent.parent / "suites"


@click.command()
@click.option("--runs", default=20, help="How many runs on each cluster.")
@click.option("--cluster", "clusters", multiple=True, default=("mock", "local"), help="On which clusters.")
@click.option("--speed", default=10.0, help="SPEED of every run.")
@click.option("--include", multiple=True, help="Only tests with this tag.")
@click.option(
    "--results", type=click.Path(path_type=Path), help="Where the logs go; default: a temporary folder."
)
def main(
    runs: int, clusters: tuple[str, ...], speed: float, include: tuple[str, ...], results: Path | None
) -> None:
    """Run the suites many times in a row and show whether the verdict ever changes."""
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
            command += [word for tag in include for word in ("--include", tag)]
            code = subprocess.run([*command, str(SUITES)], check=False, capture_output=True).returncode
            failed += code != 0
            seen = _figures(output) | {"seconds": time.monotonic() - started}
            for name, value in seen.items():
                figures.setdefault(name, []).append(value)
            told = ", ".join(f"{name} {value:.3g}" for name, value in seen.items())
            click.echo(f"{cluster} {number:2}: {'passed' if code == 0 else f'{code} FAILED'}; {told}")
        for name, values in figures.items():
            middle = statistics.median(values)
            click.echo(f"{cluster} {name}: {min(values):.3g} to {max(values):.3g}, median {middle:.3g}")
    click.echo(f"{runs * len(clusters)} runs, {failed} failed")
    sys.exit(1 if failed else 0)


def _figures(output: Path) -> dict[str, float]:
    """The figures by which the specified scenario is judged."""
    try:
        run = json.loads((output / "verdict.json").read_text("utf-8"))["runs"][0]
    except (OSError, IndexError):
        return {}
    figures = run["figures"]
    seen = {}
    for mode, its in figures.items():
        for topic, delivered in its["delivered"].items():
            seen[f"{mode} {topic}"] = delivered
        seen[f"{mode} low oldest wait"] = max(
            wait for topic, wait in its["oldest_wait_seconds"].items() if "low" in topic
        )
    return seen


if __name__ == "__main__":
    main()
