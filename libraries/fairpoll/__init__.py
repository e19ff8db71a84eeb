"""Decides whether a Kafka consumer starves a topic, or loses, repeats, reorders or stalls records.

The stages pass plain data from left to right, and a stage imports only from those before it:

    scenario -> cluster -> traffic -> consumers -> evidence -> checkers -> verdicts, reports

Only `keywords` imports Robot Framework; pyproject.toml lists the layers.
"""
