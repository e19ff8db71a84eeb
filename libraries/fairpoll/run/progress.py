"""Progress on a console: in place on a terminal, as a line now and then elsewhere."""

import os
import sys
import time
from collections.abc import Callable

# On a terminal the line is rewritten this often; elsewhere (a CI log) a line is added this often.
TERMINAL_SECONDS = 0.25
LOG_LINE_SECONDS = 15.0


class ConsoleProgress:
    """Shows the latest state. `say` writes a text as it is, without a line end."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._in_place = bool(sys.__stdout__ and sys.__stdout__.isatty())
        self._shown_at = -LOG_LINE_SECONDS

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now - self._shown_at < (TERMINAL_SECONDS if self._in_place else LOG_LINE_SECONDS):
            return
        self._shown_at = now
        self._say("\r\x1b[K" + text[: _terminal_width() - 1] if self._in_place else text + "\n")

    def clear(self) -> None:
        if self._in_place:
            self._say("\r\x1b[K")


def _terminal_width() -> int:
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 80
    except OSError:
        return 80
