"""`python -m fairpoll` is the `fairpoll` command."""

from fairpoll.cli.main import run

run()
