"""Bizon pipelines under test: the released one, and one with our fair poller as its source.

`python -m fairpoll.consumers.bizon --mode sync|async` is configured like any consumer, by environment
variables, and runs Bizon with a configuration made from them. Needs the extra `bizon`.
"""

from fairpoll.contract.output_fields import Fields

MODES = ("sync", "async")
NOT_INSTALLED = "Bizon is not installed: pip install 'fairpoll[bizon]'"
# The field mapping of Bizon's file destination.
OUTPUT_FIELDS = Fields(
    topic="source_data.topic",
    partition="source_data.partition",
    offset="source_data.offset",
    value="source_data.value",
    delivered="bizon_loaded_at",
)
