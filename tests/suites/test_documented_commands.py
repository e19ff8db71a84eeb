"""The shell blocks of the pages, run as they are: page by page, in a folder that looks like a checkout."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import documents
from documents import ROOT, Block
from recordings import write_recording

BLOCKS = {page: list(documents.blocks(page)) for page in documents.pages()}
RUNNABLE = [page for page, blocks in BLOCKS.items() if any(block.mark == "run" for block in blocks)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a reader has: the checkout, results of a run, and those of one before."""
    folder = tmp_path / "reader"
    folder.mkdir()
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name != "results":
            (folder / path.name).symlink_to(path)
    recording = folder / "results" / "evidence" / "mine"
    recording.mkdir(parents=True)
    write_recording(recording)
    judged = ["fairpoll", "judge", "--write", "results/evidence"]
    subprocess.run([sys.executable, "-m", *judged], cwd=folder, check=False, capture_output=True)
    shutil.copy(recording / "verdict.json", folder / "results")
    shutil.copytree(folder / "results", folder / "before")
    shutil.copytree(folder / "results", folder / "results-of-many-runs" / "1")
    return folder


def script(block: Block) -> str:
    """The block as a shell script that stops at the first error."""
    return f"set -euo pipefail\n{block.code}"


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page(page: Path, folder: Path):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for block in BLOCKS[page]:
        if block.mark == "file":
            (folder / block.text).write_text(block.code, "utf-8")
        if block.mark == "run":
            command = ["bash", "-c", script(block)]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            shown = f"{shlex.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            assert done.returncode == block.exit_code, shown
