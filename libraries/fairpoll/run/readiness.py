"""Waits for an event of the producer, and for the partitions of the consumers."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Mapping, Set

from fairpoll.base.errors import ClusterError, DeadlineError, HistoryError, TrafficError
from fairpoll.base.logs import last_lines
from fairpoll.base.text import plain
from fairpoll.base.waiting import wait_until
from fairpoll.cluster.admin import Admin
from fairpoll.contract.assignments import Assignments
from fairpoll.contract.events import Event, Tail, dump
from fairpoll.contract.records import Partition
from fairpoll.evidence import layout
from fairpoll.evidence.reading.strict import check_event
from fairpoll.run.members import LAST_LINES, Members
from fairpoll.run.processes import ChildProcess

# Joining a group takes some seconds, and the start of Python and the client another one.
READY_SECONDS = 60.0
# How often the coordinator is asked about consumers that do not report their assignments.
ASK_SECONDS = 1.0
# How a command or a client's log names the group protocol of KIP-848.
CONSUMER_PROTOCOL = re.compile(r"ConsumerGroupHeartbeat|group\.protocol\W{1,4}consumer", re.IGNORECASE)


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
    consumers: Mapping[str, tuple[str, Members]],
    client_config: Mapping[str, str],
    check: Callable[[], None],
    timeout_seconds: float = READY_SECONDS,
) -> None:
    """Wait until each consumer (name -> its group, its members) is assigned all wanted partitions.

    Assignments are taken from a consumer's events, or from the group coordinator if it prints none. One that
    delivers though nobody has joined its group assigns itself its partitions, or has another group: it is
    ready with its first record. `check` raises an error that ends the wait, also for the end of a consumer
    that has not been assigned yet. Lines that are not events are ignored. Raises DeadlineError, and
    HistoryError if a consumer without its partitions has printed such lines only, and no log is declared.
    """
    tails = {
        name: Tail(members.folder / layout.EVENTS, check_event) for name, (_, members) in consumers.items()
    }
    assignments = {name: Assignments.of([{"name": "started", "at": 0.0}]) for name in tails}
    # What the coordinator has answered about those that report no assignments.
    asked: dict[str, set[Partition]] = {}
    # Those whose group has no member, and those of them that deliver nevertheless.
    empty: set[str] = set()
    outside: set[str] = set()
    # Those that have reported a record.
    reporting: set[str] = set()
    (_, some_members) = next(iter(consumers.values()))
    admin = Admin(client_config, some_members.folder.parent / "admin.log")
    ask_at = time.monotonic() + ASK_SECONDS

    def owned(name: str) -> Set[Partition]:
        return assignments[name].current_assignment() or asked.get(name, set())

    def ready(name: str) -> bool:
        return wanted <= owned(name) or name in outside

    def all_assigned() -> bool:
        nonlocal ask_at
        for name, tail in tails.items():
            for event in tail.read():
                assignments[name].take(event)
                consumers[name][1].assigned |= wanted <= owned(name)
                if event["name"] == "records_consumed":
                    reporting.add(name)
        silent = [name for name in tails if not assignments[name].reported]
        if silent and time.monotonic() >= ask_at:
            for name in silent:
                delivers = name in reporting or consumers[name][1].has_written
                # The group does not exist yet, or the broker (the mock) cannot describe groups.
                with contextlib.suppress(ClusterError):
                    described = admin.members(consumers[name][0])
                    owned_by = described.partitions if described else {}
                    asked[name] = set().union(*owned_by.values())
                    (empty.discard if owned_by else empty.add)(name)
                    if delivers and not owned_by:
                        outside.add(name)
            ask_at = time.monotonic() + ASK_SECONDS
        for name, (_, members) in consumers.items():
            members.assigned |= ready(name)
        check()
        # One that has ended after its assignment is left to the judge.
        return all(
            ready(name) or (members.assigned and not members.alive)
            for name, (_, members) in consumers.items()
        )

    try:
        wait_until(
            all_assigned,
            timeout_seconds,
            f"all {len(wanted)} partitions to be assigned to each consumer",
            last_seen=lambda: ", ".join(
                f"{name} has {len(owned(name))}, {tail.events} events printed"
                + (f" (nobody joined group {not_joined(*consumers[name])})" if name in empty else "")
                for name, tail in tails.items()
            ),
        )
    except DeadlineError:
        for name, tail in tails.items():
            is_log = consumers[name][1].consumer.log_on_stdout
            if tail.unreadable and not (is_log or tail.events) and not wanted <= owned(name):
                raise HistoryError(tail.unreadable) from None
        raise
    finally:
        admin.close()


def not_joined(group: str, members: Members) -> str:
    """The group that nobody joined, with the likely cause and the end of the consumer's log."""
    log = plain(last_lines(members.folder / layout.CLIENT_LOG, LAST_LINES))
    text = f"{group}; its log ends with: {log}" if log != "(nothing)" else group
    if CONSUMER_PROTOCOL.search(f"{' '.join(members.consumer.command)} {log}"):
        text += (
            "; its client uses group.protocol=consumer, which a broker before Apache Kafka 4.0 does not "
            "support, nor one without it in group.coordinator.rebalance.protocols"
        )
    return text
