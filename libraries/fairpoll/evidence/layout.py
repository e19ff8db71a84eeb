"""The names of what lies in a recording's folder. See `experiment` for what is in each."""

RUN = "run.json"
VERDICT = "verdict.json"
SERIES = "series.json"
LEDGER = "ledger.jsonl"
SAMPLES = "samples.jsonl"
EVENTS = "events.jsonl"
CLIENT_LOG = "client.log"
# In a consumer's folder: the files of a second member.
SECOND_MEMBER = "member-2"


def producer_name(shard: int) -> str:
    """How the producer of a share, counted from 1, is called."""
    return f"producer-{shard}"


def ledger_of(shard: int) -> str:
    """The ledger of one of several producers, counted from 1."""
    return f"ledger/{shard}.jsonl"


def samples_of(consumer: str) -> str:
    """What was seen of a consumer from outside, by its own machine."""
    return f"samples/{consumer}.jsonl"


def is_ours(name: str) -> bool:
    """Whether it is a ledger or has samples: files that are written whole, unless a run is cut off."""
    return name in (LEDGER, SAMPLES) or name.startswith(("ledger/", "samples/"))
