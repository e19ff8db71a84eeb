"""The steps of a scenario's timeline, each done to all consumer groups when it is due."""

from collections.abc import Sequence

from fairpoll.base import clock
from fairpoll.run.members import Members
from fairpoll.scenarios.model import Scenario


class Timeline:
    """A step waits until its members have their partitions, which delays later steps.

    No step waits beyond the end of the live traffic. `scenario` is at its speed. `done` has an entry of
    run.json for each step.
    """

    def __init__(self, scenario: Scenario, groups: Sequence[Members]) -> None:
        self.done: list[dict[str, object]] = []
        self._duration = scenario.duration_seconds
        self._groups = groups
        self._left = sorted(scenario.timeline, key=lambda step: step.at_seconds)
        # The delay of the steps in seconds, and whether the next one waits.
        self._delay = 0.0
        self._waiting = False
        self._waited_for: dict[str, None] = {}

    def over(self, elapsed: float) -> bool:
        """Do the steps due after `elapsed` seconds of live traffic; True at its end, with all done."""
        while self._left and (late := elapsed - self._left[0].at_seconds) >= self._delay:
            action = self._left[0].action
            late_groups = [group.consumer.name for group in self._groups if not group.ready_for(action)]
            if late_groups:
                self._waited_for.update(dict.fromkeys(late_groups))
            if late_groups and elapsed < self._duration:
                self._waiting = True
                break
            if self._waiting:
                self._delay, self._waiting = late, False
            del self._left[0]
            for group in self._groups:
                group.act(action)
            self.done.append(
                {
                    "at_ms": clock.now_ms(),
                    "verb": action.verb,
                    "rate": action.rate,
                    "waited_for": [*self._waited_for],
                }
            )
        return elapsed >= self._duration and not self._left
