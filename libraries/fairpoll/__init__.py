"""Decides whether a Kafka consumer starves a low-volume topic.

A pipe, read left to right; each stage only knows the one before it, through plain data:

    scenario -> cluster -> traffic -> consumers -> history -> checkers -> report

Nothing in this package imports Robot Framework; the keyword libraries beside it do.
"""
