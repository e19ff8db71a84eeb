"""Pure functions from a recording to findings, by the names under which they are recorded.

Each takes the recording, the consumer's name and, by keyword, its thresholds. They never trust a
counter: they compare the ledger of acked messages with what stands in the sink's files, and walk
over what was expected, never over what was seen (a fully starved partition leaves no record).
"""

from collections.abc import Callable

from fairpoll.checkers import delivery, liveness, service
from fairpoll.checkers.model import Finding, Status
from fairpoll.checkers.plan import producer_kept_plan, recording_is_sound

CRITERIA: dict[str, Callable[..., Finding]] = {
    check.__name__: check
    for check in (
        service.delivered_at_least,
        service.delivered_at_most,
        service.share_at_least,
        service.oldest_wait_at_most,
        service.oldest_wait_at_least,
        service.throughput_at_least,
        service.due_messages_delivered,
        delivery.only_acked_delivered,
        delivery.order_kept,
        liveness.no_stall,
    )
}

__all__ = ["CRITERIA", "Finding", "Status", "producer_kept_plan", "recording_is_sound"]
