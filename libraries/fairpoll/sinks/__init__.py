"""Sinks that are seen from outside: a topic, a database, or an HTTP endpoint that is served here."""
