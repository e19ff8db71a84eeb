"""The blocks of the pages, run as they are: page by page, in a folder that looks like a checkout."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import documents
from brokers import opened
from documents import ROOT, Block
from fairpoll.cluster.leftovers import Registry
from recordings import write_recording

BLOCKS = {page: list(documents.blocks(page)) for page in documents.pages()}
# The broker that pages name for one of the reader's own. The mock cluster creates no topics on request.
BROKER = "localhost:9092"
RUN = {page: [b.code for b in blocks if b.mark == "run"] for page, blocks in BLOCKS.items()}
RUNNABLE = [
    pytest.param(page, marks=pytest.mark.local if any(BROKER in code for code in codes) else ())
    for page, codes in RUN.items()
    if codes
]
# What commands leave open is chosen for the tests.
QUICK = {"ROBOT_OPTIONS": "--variable CLUSTER:mock", "FAIRPOLL_SPEED": "10"}
MY_CONSUMER = "#!/bin/sh\nexec fairpoll consume --mode async --controlled\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a reader has: the checkout, a consumer, results of a run, and those of one before."""
    folder = tmp_path / "reader"
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name == "suites":  # pages add to it
            shutil.copytree(path, folder / path.name)
        elif not path.name.startswith(".") and path.name != "results":
            (folder / path.name).symlink_to(path)
    (folder / "my-consumer").write_text(MY_CONSUMER, "utf-8")
    (folder / "my-consumer").chmod(0o755)
    recording = folder / "results" / "evidence" / "mine"
    recording.mkdir(parents=True)
    write_recording(recording)
    judged = ["fairpoll", "judge", "--write", "results/evidence"]
    subprocess.run([sys.executable, "-m", *judged], cwd=folder, check=False, capture_output=True)
    shutil.copy(recording / "verdict.json", folder / "results")
    shutil.copytree(folder / "results", folder / "before")
    shutil.copytree(folder / "results", folder / "results-of-many-runs" / "1")
    return folder


@pytest.fixture
def broker(page: Path, tmp_path: Path, registry: Registry) -> Iterator[str]:
    """The address of a broker of our own, for a page that needs one; else the one on the page."""
    if not any(BROKER in code for code in RUN[page]):
        yield BROKER
        return
    cluster, _ = opened("local", tmp_path, registry)
    yield cluster.client_config["bootstrap.servers"]
    cluster.stop()


def command(block: Block) -> list[str]:
    """Runs the block: Python as a program, anything else as a shell script that stops at the first error."""
    if block.language == "python":
        return [sys.executable, "-c", block.code]
    return ["bash", "-c", f"set -euo pipefail\n{block.code}"]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page(page: Path, folder: Path, broker: str):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in BLOCKS[page]:
        if block.mark == "file":
            (folder / block.text).write_text(block.code, "utf-8")
        if block.mark == "run":
            words = [word.replace(BROKER, broker) for word in command(block)]
            done = subprocess.run(
                words,
                cwd=folder,
                env={**os.environ, **QUICK, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            shown = f"{block.code}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            assert done.returncode == block.exit_code, shown
