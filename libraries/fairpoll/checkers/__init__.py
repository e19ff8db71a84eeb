"""The criteria: pure functions from a recording to a finding, registered by name.

Each takes the recording, the consumer's name and, by keyword, its thresholds. None trusts a counter: they
compare the ledger of acked messages with the sink's files, and iterate over the expected messages, not the
observed ones, because a fully starved partition leaves no record.
"""

from importlib import import_module

from fairpoll.checkers.finding import Finding, Status
from fairpoll.checkers.judging import judge
from fairpoll.checkers.registry import CRITERIA, RUN_CRITERIA, Criterion, criterion, load_plugins

# One module a family of criteria; importing it registers them, in this order.
FAMILIES = (
    "plan",
    "service",
    "delivery",
    "commits",
    "backpressure",
    "liveness",
    "processes",
    "stamps",
    "recovery",
)

for _family in FAMILIES:
    import_module(f"fairpoll.checkers.{_family}")
load_plugins()

# The criteria that at-least-once delivery promises, under any load.
DELIVERY_GUARANTEES = tuple(name for name, declared in CRITERIA.items() if declared.guarantee)

__all__ = [
    "CRITERIA",
    "DELIVERY_GUARANTEES",
    "FAMILIES",
    "RUN_CRITERIA",
    "Criterion",
    "Finding",
    "Status",
    "criterion",
    "judge",
]
