"""One run of a scenario: its processes, the life of its consumer groups, and what is observed of them."""
