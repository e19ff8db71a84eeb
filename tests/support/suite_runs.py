"""The suites, run by Robot Framework as people run them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "suites"


def command(output: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "robot", "--outputdir", str(output), *arguments]


def run(output: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(output, *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, **environment},
    )
