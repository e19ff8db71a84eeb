"""Watches a group: sample after sample, until the time is over or it is stopped."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping

from fairpoll.base.errors import ClusterError
from fairpoll.cluster.connection import admin_client, require_broker
from fairpoll.watch.group import Follower, State
from fairpoll.watch.position import Positions
from fairpoll.watch.reader import Reader
from fairpoll.watch.waiting import Waits

# A cluster that has answered may be without an answer for this long, as while a broker starts again.
PATIENCE_SECONDS = 120.0
# The share of one core that watching may take: with very many partitions, samples are taken less often.
MOST_CPU = 0.05
# The first answer of a cluster that was never reached.
FIRST_SECONDS = 10.0


def watch(
    client_config: Mapping[str, str],
    group: str,
    topics: Collection[str],
    interval_seconds: float,
    stop: threading.Event,
    warn: Callable[[str], None] = lambda _text: None,
) -> Iterator[State]:
    """The state of the group at each sample, until `stop` is set. Raises ClusterError.

    Samples are `interval_seconds` apart, or as far as MOST_CPU allows.

    A sample that fails is passed over, and `warn` gets the reason; the error is raised if the cluster does
    not answer for PATIENCE_SECONDS. At the beginning it must answer within FIRST_SECONDS, and the group must
    exist.
    """
    require_broker(client_config)
    follower = Follower()
    with (
        admin_client(client_config) as admin,
        Reader(client_config) as committed,
        Reader(client_config, "read_uncommitted") as everything,
    ):
        positions = Positions(admin, committed, everything, group, topics)
        waits = Waits(committed, everything)
        answered = due = time.monotonic()
        patience, cpu = FIRST_SECONDS, time.process_time()
        while not stop.is_set():
            try:
                sample = positions.sample()
            except ClusterError as error:
                if time.monotonic() - answered > patience:
                    raise
                if patience == PATIENCE_SECONDS:
                    warn(str(error))
            else:
                if not (sample.offsets or sample.members):
                    raise ClusterError(
                        f"group {group} has no member and has committed nothing: it does not exist, or is no "
                        "consumer group (a share group?); name its topics to watch them nevertheless"
                    )
                yield follower.take(sample, waits.answer(sample))
                answered, patience = time.monotonic(), PATIENCE_SECONDS
            cpu, before = time.process_time(), cpu
            due = max(due + max(interval_seconds, (cpu - before) / MOST_CPU), time.monotonic())
            stop.wait(due - time.monotonic())
