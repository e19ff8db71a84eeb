"""Writes the documentation of all keywords to docs/keywords/, a page for each library and resource.

    python docs/build.py [FOLDER]

Not a part of the package, which never imports Robot Framework. Exit code 1 if a page could not be written.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build(folder: Path) -> int:
    """Write the pages; 0 if all could be. libdoc tells the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [*(ROOT / "libraries").glob("*Library.py"), *(ROOT / "resources").glob("*.resource")]
    failed = 0
    for source in sorted(sources):
        page = folder / f"{source.stem}.html"
        command = [sys.executable, "-m", "robot.libdoc", "--docformat", "MARKDOWN", str(source), str(page)]
        failed += subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "keywords"))
