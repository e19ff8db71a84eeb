"""The suites, run by Robot Framework as people run them."""

import json
import os
import subprocess
import sys
import time
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


# A run that is cut off in its first second has nothing to judge.
LOADABLE_SECONDS = 2.5


def traffic_seconds(output: Path) -> float:
    """How long a run below this folder has had live traffic, in real seconds; 0 before its beginning."""
    facts = [json.loads(path.read_text("utf-8")) for path in output.glob("evidence/*/run.json")]
    begun = [one["start_ms"] for one in facts if one.get("start_ms")]
    return max(0.0, time.time() - min(begun) / 1000) if begun else 0.0
