"""What a run has left, read back as columns: messages, deliveries, commits, events."""
