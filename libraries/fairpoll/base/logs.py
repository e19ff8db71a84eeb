"""The end of a log file, quoted in error messages."""

from pathlib import Path

from fairpoll.base.command_line import masked

QUOTED_LINES = 8
# How much of the end of a file is read to find its last lines.
LAST_BYTES = 65_536


def last_lines(path: Path, count: int = QUOTED_LINES) -> str:
    """The last `count` lines of a log, indented and masked; "(nothing)" if it is empty or cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LAST_BYTES))
            lines = file.read(LAST_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    return "\n".join(f"  {masked(line)[:300]}" for line in lines[-count:]) or "  (nothing)"
