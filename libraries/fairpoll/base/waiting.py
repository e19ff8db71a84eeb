"""Waits until a condition holds, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

from fairpoll.base.errors import DeadlineError

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T | None],
    timeout_seconds: float,
    what: str,
    *,
    interval_seconds: float = 0.05,
    last_seen: Callable[[], str] | None = None,
) -> T:
    """Call `condition` until it returns something true, and return that.

    It is called at least once, and once more after the deadline, in case the machine was slow. An exception
    of the condition ends the wait.

    `what` completes the sentence "waited 10 s for ..."; `last_seen` returns the state to add to it.
    Raises DeadlineError.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        last_try = time.monotonic() >= deadline
        if result := condition():
            return result
        if last_try:
            seen = f"; last seen: {last_seen()}" if last_seen else ""
            raise DeadlineError(f"waited {timeout_seconds:g} s for {what}{seen}")
        time.sleep(min(interval_seconds, max(0.0, deadline - time.monotonic())))
