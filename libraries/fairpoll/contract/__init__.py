"""The contract with consumers under test: their environment, the events they print, the files they leave."""
