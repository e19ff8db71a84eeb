"""The scenario files that come with the package."""

from difflib import get_close_matches
from pathlib import Path

from fairpoll.base.errors import ScenarioError

SCENARIO_FOLDER = Path(__file__).parents[1] / "resources" / "scenarios"
SPECIFIED = "specified.yaml"


def find_scenario(name: str) -> Path:
    """The packaged file of this name, or the path itself. Raises ScenarioError."""
    for path in (SCENARIO_FOLDER / name, Path(name)):
        if path.is_file():
            return path
    known = sorted(path.name for path in SCENARIO_FOLDER.glob("*.yaml"))
    meant = get_close_matches(f"{name.removesuffix('.yaml')}.yaml", known, n=1, cutoff=0.8)
    hint = f"did you mean {meant[0]}? " if meant else ""
    raise ScenarioError(
        f"no scenario file '{name}'; {hint}in resources/scenarios there are: {', '.join(known)}"
    )
