"""The course of a run for the consumers that run here: the timeline's steps, and the drain at the end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fairpoll.base import clock
from fairpoll.base.errors import DeadlineError
from fairpoll.base.waiting import wait_until
from fairpoll.run.members import Members
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.scenarios.model import Scenario

# With its sink set free, a consumer that delivers nothing for this long has stalled.
DRAIN_STALL_SECONDS = 10.0
DRAIN_SECONDS = 300.0

Progress = Callable[[str], None]


@dataclass
class Course:
    """`scenario` is at its speed. `check` raises when something has ended that ought to run, and
    `check_cluster` when the cluster has; `note` adds facts to run.json; `begun` is called once, at the start.
    """

    scenario: Scenario
    members: Mapping[str, Members]
    outputs: DeliveryCounter
    check: Callable[[], None]
    check_cluster: Callable[[], None]
    note: Callable[..., None]
    progress: Progress
    begun: Callable[[], None] = lambda: None

    def watch(self, start: float) -> None:
        """Until the end of the live traffic: do the timeline's steps, report progress, notice who dies.

        A step waits for the members that it concerns to have their partitions, and the steps after it are as
        much later. A member that has none by the end of the live traffic is not waited for any longer.
        """
        lasts = self.scenario.duration_seconds
        end = start + lasts
        steps = sorted(self.scenario.timeline, key=lambda step: step.at_seconds)
        delay = 0.0
        done: list[dict[str, object]] = []
        begun = waiting = False

        def over() -> bool:
            nonlocal begun, delay, waiting
            now = clock.now_seconds()
            if now >= start and not begun:
                begun = True
                self.outputs.begin()
                self.begun()
            while steps and (late := now - start - steps[0].at_seconds) >= delay:
                action = steps[0].action
                if now < end and not all(group.ready_for(action) for group in self.members.values()):
                    waiting = True
                    break
                if waiting:
                    delay, waiting = late, False
                steps.pop(0)
                for group in self.members.values():
                    group.act(action)
                done.append({"at_ms": clock.now_ms(), "verb": action.verb, "rate": action.rate})
                self.note(timeline=done)
            self.check()
            if begun:
                self.progress(
                    f"{min(now - start, lasts):.0f} of {lasts:.0f} s; delivered so far: {self.outputs.told()}"
                )
            return now >= end and not steps

        at_most = end + lasts - clock.now_seconds() + 1
        wait_until(over, at_most, "the live traffic and the timeline to end", interval_seconds=0.1)

    def drain(self, acked: int) -> None:
        """Set the sinks free and wait until each consumer has so many messages, or has stalled.

        What is missing after this is lost or stuck, not late. A stall does not end the run: the
        judge sees what is missing, and names it.
        """
        for group in self.members.values():
            group.set_sink(None)
        self.note(drain_ms=clock.now_ms())
        last = dict.fromkeys(self.members, 0)
        moved_at = time.monotonic()

        def drained() -> bool:
            nonlocal moved_at
            self.check_cluster()
            for group in self.members.values():
                group.check_printed()
            for name, total in self.outputs.totals().items():
                if total > last[name]:
                    last[name], moved_at = total, time.monotonic()
            told = ", ".join(f"{name} {number:,}" for name, number in last.items())
            self.progress(f"draining to {acked:,} messages: {told}")
            caught_up = all(number >= acked for number in last.values())
            return caught_up or time.monotonic() - moved_at > DRAIN_STALL_SECONDS

        try:
            wait_until(drained, DRAIN_SECONDS, "the consumers to catch up")
        except DeadlineError as error:
            self.note(drain=str(error))
        self.note(drained_ms=clock.now_ms())
