"""Watches a live consumer group that is not under test: how long has its oldest message been waiting?

One sample after the other: `position` (offsets and members), `reader` (the record at a position), `arrivals`
(when it came), `waiting` (the answer for each partition), `budgets` (the verdict).
"""
