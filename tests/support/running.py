"""Which processes are still at work."""

from collections.abc import Iterable

import psutil

from fairpoll.base.process_table import is_running


def running(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; a zombie has, although psutil's `is_running` counts it."""
    return list(filter(is_running, processes))
