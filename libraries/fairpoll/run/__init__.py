"""One run of a scenario: its processes, what is seen of them from outside, and its course."""
