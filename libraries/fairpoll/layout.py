"""The names of what lies in a recording's folder. See `experiment` for what is in each."""

RUN = "run.json"
VERDICT = "verdict.json"
LEDGER = "ledger.jsonl"
SAMPLES = "samples.jsonl"
EVENTS = "events.jsonl"
CLIENT_LOG = "client.log"
# In a consumer's folder: records that no output file could take, and the files of a second member.
DEAD_LETTERS = "dead_letters.json"
SECOND_MEMBER = "member-2"
