"""Scenario files: what traffic there is, how fast the sink is, and what is done when."""
