"""Counts what the consumers' output files hold while they grow."""

from collections.abc import Mapping
from pathlib import Path

from fairpoll.events import Tail
from fairpoll.layout import SECOND_MEMBER
from fairpoll.scenario import Scenario


class OutputCounter:
    """Different records in each consumer's outputs so far; `folders` maps its name to its folder."""

    def __init__(self, scenario: Scenario, folders: Mapping[str, Path]) -> None:
        self._volumes = list(dict.fromkeys(topic.volume for topic in scenario.topics))
        self._seen: dict[str, dict[str, set[tuple[str, int, int]]]] = {
            name: {volume: set() for volume in self._volumes} for name in folders
        }
        self._tails = [
            (name, topic.volume, Tail(place / topic.output))
            for name, folder in folders.items()
            for place in (folder, folder / SECOND_MEMBER)
            for topic in scenario.topics
        ]

    def count(self) -> dict[str, dict[str, int]]:
        """Consumer -> volume -> different records, up to now."""
        for name, volume, tail in self._tails:
            seen = self._seen[name][volume]
            seen.update((line["topic"], line["partition"], line["offset"]) for line in tail.read())
        return {name: {v: len(spots) for v, spots in by.items()} for name, by in self._seen.items()}

    def totals(self) -> dict[str, int]:
        """Consumer -> different records, up to now."""
        return {name: sum(by_volume.values()) for name, by_volume in self.count().items()}

    def told(self) -> str:
        """The counts as people read them: `sync: high 1,163, low 0; async: ...`."""
        return "; ".join(
            f"{name}: " + ", ".join(f"{volume} {number:,}" for volume, number in by_volume.items())
            for name, by_volume in self.count().items()
        )
