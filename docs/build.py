"""Writes the documentation of all keywords to docs/keywords/, and of a scenario's keys to docs/scenario.md.

    python docs/build.py [FOLDER]

Not a part of the package, which never imports Robot Framework. Exit code 1 if a page could not be written.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "libraries" / "fairpoll" / "scenarios" / "scenario.schema.json"
SCENARIO_PAGE = ROOT / "docs" / "scenario.md"
HEAD = """# The keys of a scenario

Made from the schema in libraries/fairpoll/scenarios by `python docs/build.py`. What is **bold** is required.

| key | what |
|---|---|
"""


def build(folder: Path) -> int:
    """Write the pages; 0 if all could be. libdoc tells the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    SCENARIO_PAGE.write_text(scenario_page(), "utf-8")
    sources = [
        *(ROOT / "libraries" / "fairpoll" / "keywords").glob("*Library.py"),
        *(ROOT / "resources").glob("*.resource"),
    ]
    failed = 0
    for source in sorted(sources):
        page = folder / f"{source.stem}.html"
        command = [sys.executable, "-m", "robot.libdoc", "--docformat", "MARKDOWN", str(source), str(page)]
        failed += subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    return int(failed > 0)


def scenario_page() -> str:
    """Every key of a scenario file with what its schema says of it, as Markdown."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    return HEAD + "".join(f"| {name} | {told} |\n" for name, told in _keys(schema, ""))


def _keys(schema: Mapping[str, Any], within: str) -> Iterator[tuple[str, str]]:
    required = schema.get("required", [])
    for name, entry in schema.get("properties", {}).items():
        key = f"`{within}{name}`"
        yield (f"**{key}**" if name in required else key), entry.get("description", "").replace("|", "\\|")
        yield from _keys(entry, f"{within}{name}.")
        yield from _keys(entry.get("items", {}), f"{within}{name}[].")
        named = entry.get("additionalProperties")
        yield from _keys(named if isinstance(named, dict) else {}, f"{within}{name}.NAME.")


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "keywords"))
