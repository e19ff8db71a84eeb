"""The scenario files that come with the package."""

from difflib import get_close_matches
from pathlib import Path

from fairpoll.base.errors import ScenarioError

SCENARIO_FOLDER = Path(__file__).parents[1] / "resources" / "scenarios"
SPECIFIED = "specified.yaml"


def find_scenario(name: str, folder: Path | None = None) -> Path:
    """The file of this name in `folder` (default: none) or in the package, or `name` as a path.

    Raises ScenarioError, which suggests a similar name and lists the packaged files.
    """
    for path in (*([folder / name] if folder else []), SCENARIO_FOLDER / name, Path(name)):
        if path.is_file():
            return path
    known = sorted(path.name for path in SCENARIO_FOLDER.glob("*.yaml"))
    similar = get_close_matches(f"{name.removesuffix('.yaml')}.yaml", known, n=1, cutoff=0.8)
    hint = f"did you mean {similar[0]}? " if similar else ""
    raise ScenarioError(
        f"no scenario file '{name}'; {hint}in resources/scenarios there are: {', '.join(known)}"
    )
