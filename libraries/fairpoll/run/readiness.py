"""Waits for an event of the producer, and for the partitions of the consumers."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fairpoll.base.errors import ClusterError, DeadlineError, HistoryError, TrafficError
from fairpoll.base.logs import last_lines
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.admin import Admin
from fairpoll.contract.events import Event, Tail, dump
from fairpoll.contract.records import Partition, partitions_of
from fairpoll.evidence import layout
from fairpoll.evidence.strict import check_event
from fairpoll.run.processes import ChildProcess

# Joining a group takes some seconds, and the start of Python and the client another one.
READY_SECONDS = 60.0
# A program ends within this time after its last output.
LAST_OUTPUT_SECONDS = 0.5
# How often the coordinator is asked about consumers that do not report their assignments.
ASK_SECONDS = 1.0


def wait_for_event(
    process: ChildProcess, name: str, timeout_seconds: float, check: Callable[[], None]
) -> Event:
    """Wait until the producer has printed an event of this name, and return it.

    Only lines with the name are parsed: a ledger can have a million others. `check` raises an error that ends
    the wait. Raises TrafficError if the process ends before, and DeadlineError.
    """
    marker, position = f'"name":{dump(name)}'.encode(), 0

    def seen() -> Event | None:
        nonlocal position
        running = process.running  # read first: its last event may come just before its end
        with process.events.open("rb") as file:
            file.seek(position)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                position += len(line)
                if marker in line:
                    event: Event = json.loads(line)
                    return event
        if not running:
            raise TrafficError(f"{process.name} ended before {name}:\n{last_lines(process.log)}")
        check()
        return None

    return wait_until(
        seen,
        timeout_seconds,
        f"{name} from {process.name}",
        last_seen=lambda: "its log ends with\n" + last_lines(process.log),
    )


def wait_until_assigned(
    wanted: set[Partition],
    consumers: Mapping[str, tuple[str, Path]],
    client_config: Mapping[str, str],
    check: Callable[[], None],
    timeout_seconds: float = READY_SECONDS,
) -> None:
    """Wait until each consumer (name -> its group, its folder) is assigned all wanted partitions.

    Its own events count; the coordinator is asked about a consumer that reports no assignments. `check`
    raises an error that ends the wait. Raises DeadlineError, and HistoryError for an invalid event.
    """
    tails = {name: Tail(folder / layout.EVENTS, check_event) for name, (_, folder) in consumers.items()}
    owned: dict[str, set[Partition]] = {name: set() for name in tails}
    silent = set(tails)
    (_, some_folder) = next(iter(consumers.values()))
    admin = Admin(client_config, some_folder.parent / "admin.log")
    ask_at = time.monotonic() + ASK_SECONDS

    def all_assigned() -> bool:
        nonlocal ask_at
        check()  # first: the reason for a consumer's end explains more than its output
        for name, tail in tails.items():
            for event in _events(tail, check):
                if event.get("name") == "partitions_assigned":
                    owned[name].update(partitions_of(event))
                    silent.discard(name)
                elif event.get("name") == "partitions_revoked":
                    owned[name].difference_update(partitions_of(event))
        if silent and time.monotonic() >= ask_at:
            for name in silent:
                # The group does not exist yet, or the broker (the mock) cannot describe groups.
                with contextlib.suppress(ClusterError):
                    owned[name] |= admin.assignments(consumers[name][0])
            ask_at = time.monotonic() + ASK_SECONDS
        return all(wanted <= partitions for partitions in owned.values())

    try:
        wait_until(
            all_assigned,
            timeout_seconds,
            f"all {len(wanted)} partitions to be assigned to each consumer",
            last_seen=lambda: ", ".join(
                f"{name} has {len(owned[name])}, {tail.lines} events printed" for name, tail in tails.items()
            ),
        )
    finally:
        admin.close()


def _events(tail: Tail, check: Callable[[], None]) -> list[Event]:
    """The new events. If one is invalid and the consumer then ends, raise the error for its end."""
    try:
        return tail.read()
    except HistoryError:
        with contextlib.suppress(DeadlineError):
            wait_until(check, LAST_OUTPUT_SECONDS, "its end")
        raise
