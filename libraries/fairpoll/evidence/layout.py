"""Names of the files in a recording's folder; `run.experiment` describes their contents."""

from pathlib import Path

RUN = "run.json"
VERDICT = "verdict.json"
SERIES = "series.json"
LEDGER = "ledger.jsonl"
SAMPLES = "samples.jsonl"
OBSERVED = "observed.jsonl"
EVENTS = "events.jsonl"
# The offsets of other producers' messages in topics that the run did not create.
FOREIGN = "foreign.jsonl"
CLIENT_LOG = "client.log"
# The records that were seen in a consumer's sink from outside, and the events of the process that saw them.
SEEN = "seen.jsonl"
COLLECTED = "collected.jsonl"
COLLECTOR_LOG = "collector.log"
# In a consumer's folder: the files of a second member.
FIRST_MEMBER, SECOND_MEMBER = "member-1", "member-2"


def member_of(folder: Path) -> str:
    """The name of the member that wrote this folder; empty for the first member."""
    return folder.name if folder.name == SECOND_MEMBER else ""


def producer_name(shard: int) -> str:
    """The name of the producer of a shard, counted from 1."""
    return f"producer-{shard}"


def ledger_of(shard: int) -> str:
    """The ledger of one of several producers, counted from 1."""
    return f"ledger/{shard}.jsonl"


def samples_of(consumer: str) -> str:
    """The samples of a consumer, taken on its own machine."""
    return f"samples/{consumer}.jsonl"


def observed_of(consumer: str) -> str:
    """The observations of a consumer's files, made on its own machine."""
    return f"observed/{consumer}.jsonl"


def is_ours(name: str) -> bool:
    """Whether the harness wrote this file: these are complete unless the run was interrupted."""
    return name in (LEDGER, SAMPLES, OBSERVED, FOREIGN) or name.startswith(
        ("ledger/", "samples/", "observed/")
    )
