"""Keywords called one a test, for the message that each fails with."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

WRONG = "title: x\nduration: 10 s\nsink: 10\ntopics:\n"
WRONG += "  t: {volume: low, partitions: 1, traffic: 1 every 1 s, output: t.json}\n"


def messages(
    table: Mapping[str, str], folder: Path, *options: str, scenario: str = "specified.yaml"
) -> dict[str, str]:
    """Run every row's step as a test of its own, in a suite with this scenario; row -> the test's message."""
    libraries = [
        f"fairpoll.keywords.{name}Library"
        for name in ("Cluster", "Scenario", "Verdict", "Guarantee", "Fault")
    ]
    libraries.append(Path(__file__).parent / "HandWrittenLibrary.py")
    named = [f"Metadata    Scenario    {scenario}"] if scenario else []
    lines = ["*** Settings ***", *named, *(f"Library    {path}" for path in libraries), "*** Test Cases ***"]
    for row, step in table.items():
        lines += [row, f"    {step}"]
    suite = folder / "rows.robot"
    suite.write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "wrong.yaml").write_text(WRONG, "utf-8")
    command = [
        sys.executable,
        "-m",
        "robot",
        "--outputdir",
        str(folder),
        "--pythonpath",
        str(Path(__file__).parent),
    ]
    command += ["--variable", f"TEMPDIR:{folder}", *options, str(suite)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    tests = ET.parse(folder / "output.xml").iter("test")
    found = {test.get("name", ""): test.find("status") for test in tests}
    assert found.keys() == table.keys(), done.stdout + done.stderr
    return {name: (status.text or "").strip() for name, status in found.items() if status is not None}
