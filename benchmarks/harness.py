"""What CPU time does the harness itself take for a run of the suites, by one revision and by another?

    python benchmarks/harness.py --old OTHER-CHECKOUT --rounds 3

Each checkout needs a `.venv` of its own with `pip install -e .`. The revisions run in turns, on `local`.
Counted are the user and system seconds of the process of robot with all its threads, which observe, sample,
count and judge; its child processes (brokers, producers, consumers) are not.
"""

import statistics
import subprocess
import tempfile
from pathlib import Path

import click

from fairpoll.reports.tables import markdown_table

ROOT = Path(__file__).parent.parent
# As a listener of robot, which ends with the output files.
LISTENER = """\
import pathlib, time

class Cpu:
    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, file):
        self.file = file

    def close(self):
        pathlib.Path(self.file).write_text(str(time.process_time()))
"""


@click.command()
@click.option("--old", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--cluster", default="local", show_default=True)
@click.option("--speed", default=1.0, show_default=True)
@click.option("--include", multiple=True, default=("specified",), show_default=True)
def main(*, old: Path, rounds: int, cluster: str, speed: float, include: tuple[str, ...]) -> None:
    """Run suites of both revisions in turns and compare the CPU seconds of the harness."""
    seen: dict[str, list[float]] = {"old": [], "new": []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "Cpu.py").write_text(LISTENER, "utf-8")
        for number in range(1, rounds + 1):
            for name, checkout in (("old", old.resolve()), ("new", ROOT)):
                output, result = folder / f"{name}-{number}", folder / f"{name}-{number}.txt"
                command = [str(checkout / ".venv/bin/robot"), "--console", "none", "--outputdir", str(output)]
                command += ["--listener", f"{folder / 'Cpu.py'};{result}"]
                command += ["--variable", f"CLUSTER:{cluster}", "--variable", f"SPEED:{speed:g}"]
                command += [word for tag in include for word in ("--include", tag)]
                done = subprocess.run([*command, "suites/"], cwd=checkout, check=False, capture_output=True)
                seen[name].append(float(result.read_text("utf-8")))
                click.echo(f"{name} {number}: {seen[name][-1]:.2f} s, exit code {done.returncode}", err=True)
    rows = [
        (name, f"{statistics.median(times):.2f}", f"{min(times):.2f} to {max(times):.2f}")
        for name, times in seen.items()
    ]
    ratio = statistics.median(seen["new"]) / statistics.median(seen["old"])
    click.echo(markdown_table(("revision", "CPU seconds, median", "spread"), rows))
    click.echo(f"new by old: {ratio:.2f}")


if __name__ == "__main__":
    main()
