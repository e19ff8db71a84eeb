"""Names of the files in a recording's folder; `run.experiment` describes their contents."""

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
    """The name of the producer of a shard, counted from 1."""
    return f"producer-{shard}"


def ledger_of(shard: int) -> str:
    """The ledger of one of several producers, counted from 1."""
    return f"ledger/{shard}.jsonl"


def samples_of(consumer: str) -> str:
    """The samples of a consumer, taken on its own machine."""
    return f"samples/{consumer}.jsonl"


def is_ours(name: str) -> bool:
    """Whether it is a ledger or a file of samples: these are complete unless the run was interrupted."""
    return name in (LEDGER, SAMPLES) or name.startswith(("ledger/", "samples/"))
