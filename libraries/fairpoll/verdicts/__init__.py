"""Judging a recording, judging it again, and reading verdict.json."""
