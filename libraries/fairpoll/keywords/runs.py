"""The runs of a Robot run: a scenario with its consumers, at a speed, in one order of the topics' names."""

from dataclasses import dataclass, replace
from pathlib import Path

from fairpoll.contract.subject import Subject
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import REVERSED, WRITTEN


@dataclass(frozen=True)
class Run:
    """A scenario file at a speed, with these consumers; `only_volume` is the single volume, "" for both.

    `names` is the order of the topics' names, `written` or `reversed`.
    """

    scenario_file: Path
    speed: float
    consumers: tuple[Subject, ...]
    only_volume: str = ""
    names: str = WRITTEN

    @property
    def folder_name(self) -> str:
        """What the name of its recording's folder begins with."""
        alone = f"-{self.only_volume}-alone" if self.only_volume else ""
        return self.scenario_file.stem + alone + ("-names-reversed" if self.names == REVERSED else "")

    def in_orders(self, names: str) -> list["Run"]:
        """A run for each of the orders that `names` asks for; "" for those that the scenario asks for.

        Raises ScenarioError if the scenario is wrong.
        """
        scenario = load_scenario(self.scenario_file)
        asked = replace(scenario, names=names or scenario.names)
        return [replace(self, names=order) for order in asked.orders]
