"""An environment in which the wheel is installed, and nothing of a checkout."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel; `folder` is empty and has no checkout above it."""

    binaries: Path
    folder: Path

    def run(self, program: str, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the empty folder; `code` is the exit code it must have."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        # Consumers are started by name, as `python3` or `fairpoll`.
        environment["PATH"] = f"{self.binaries}:{environment['PATH']}"
        done = subprocess.run(
            [self.binaries / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=environment,
        )
        assert code in (None, done.returncode), done.stdout + done.stderr
        return done
