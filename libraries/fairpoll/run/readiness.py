"""Waiting for the parts of a run: for one of their events, and for the consumers' partitions."""

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
from fairpoll.contract.records import Partition
from fairpoll.evidence import layout
from fairpoll.evidence.strict import check_event
from fairpoll.run.processes import ChildProcess

# Joining a group takes a broker's session of a few rounds, a cold Python and its client a second.
READY_SECONDS = 60.0
# So long after its last words a program may take to end.
LAST_WORDS_SECONDS = 0.5
# How often the coordinator is asked about consumers that do not tell their assignments.
ASK_SECONDS = 1.0


def wait_for_event(
    process: ChildProcess, name: str, timeout_seconds: float, check: Callable[[], None]
) -> Event:
    """Wait until the producer has printed an event of this name, and return it.

    Only lines with the name are read as JSON: of a ledger of a million messages all others are in the way.
    `check` raises when something else has gone wrong. Raises TrafficError when the process ends first,
    and DeadlineError.
    """
    told, place = f'"name":{dump(name)}'.encode(), 0

    def seen() -> Event | None:
        nonlocal place
        running = process.running  # asked first: its last event may come just before its end
        with process.events.open("rb") as file:
            file.seek(place)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                place += len(line)
                if told in line:
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
    """Wait until each consumer (name -> its group, its folder) has been given every partition wanted.

    By the consumer's own word; of one that tells no assignments, by the coordinator's. `check` raises
    when something has gone wrong. Raises DeadlineError, and HistoryError for what is no event.
    """
    tails = {name: Tail(folder / layout.EVENTS, check_event) for name, (_, folder) in consumers.items()}
    owned: dict[str, set[Partition]] = {name: set() for name in tails}
    silent = set(tails)
    (_, some_folder) = next(iter(consumers.values()))
    admin = Admin(client_config, some_folder.parent / "admin.log")
    ask_at = time.monotonic() + ASK_SECONDS

    def all_assigned() -> bool:
        nonlocal ask_at
        check()  # first: why a consumer has ended says more than what it printed
        for name, tail in tails.items():
            for event in _events(tail, check):
                spots = {(p["topic"], p["partition"]) for p in event.get("partitions", [])}
                if event.get("name") == "partitions_assigned":
                    owned[name] |= spots
                    silent.discard(name)
                elif event.get("name") == "partitions_revoked":
                    owned[name] -= spots
        if silent and time.monotonic() >= ask_at:
            for name in silent:
                # A group that is not there yet, or a broker that cannot tell (the mock): not assigned.
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
    """What was added. Of a consumer that printed no event and then ended, its end says more."""
    try:
        return tail.read()
    except HistoryError:
        with contextlib.suppress(DeadlineError):
            wait_until(check, LAST_WORDS_SECONDS, "its end")
        raise
