"""Scenario files: the traffic, the sink's rate, the consumers' settings and the timeline."""
