"""Actions in threads of their own: one that is repeated while a block runs, one that may never return."""

import threading
from collections.abc import Callable


class Repeating:
    """A context in which `tick` is called every `interval_seconds` from a thread of its own.

    An error in `tick` ends the calls. It is raised when the context is left, unless the block itself failed,
    since a silent end would leave a gap in the evidence.
    """

    def __init__(self, name: str, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def tick(self) -> None:
        """Called every `interval_seconds`."""
        raise NotImplementedError

    def finish(self) -> None:
        """Called once at the end, in the thread that leaves the context."""

    def stop_ticking(self) -> None:
        """Wait for the last `tick`; leaving the context does so, too."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> "Repeating":
        self._thread.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self.stop_ticking()
        self.finish()
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._interval_seconds):
                self.tick()
        except BaseException as error:
            self._error = error


def abandon_after(seconds: float, action: Callable[[], object]) -> None:
    """Run the action, and return after this time even if it has not.

    Its daemon thread does not keep the process alive. An error in it is printed, not raised.
    """
    thread = threading.Thread(target=action, name="may be abandoned", daemon=True)
    thread.start()
    thread.join(seconds)
