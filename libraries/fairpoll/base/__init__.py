"""What every other package may use: errors, clock, files, waiting, text. Knows nothing of Kafka."""
