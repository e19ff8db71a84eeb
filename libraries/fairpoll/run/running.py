"""An experiment that runs in the background, so that faults can be injected meanwhile."""

import threading
import time

from fairpoll.base.waiting import wait_until
from fairpoll.run.experiment import Experiment

# From the start of the run to its live traffic: backlog, start of the consumers, assignment.
BEGIN_SECONDS = 300.0
ABORT_SECONDS = 30.0


class RunningExperiment:
    """Runs the experiment in a thread of its own; its error is raised to the caller that waits for it."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        # The error that ended the run, if any.
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="experiment", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the run has ended, also by an error."""
        return not self._thread.is_alive()

    def wait_for_traffic(self) -> None:
        """Wait for the start of the live traffic. Raises the error that ended the run, if any."""

        def begun() -> bool:
            self.check()
            return self.experiment.started.is_set()

        wait_until(begun, BEGIN_SECONDS, "the live traffic to begin")

    def check(self) -> None:
        """Raise the error that ended the run, if any."""
        if self.error is not None:
            raise self.error

    def let_run(self, seconds: float) -> None:
        """Wait for this time. Raises the error that ends the run meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.2))

    def finish(self) -> None:
        """Wait for the end of the run, and raise its error, if any."""
        self._thread.join()
        self.check()

    def abort(self) -> None:
        """Stop the run; does nothing when it is over."""
        if self._thread.is_alive():
            self.experiment.abort()
            self._thread.join(ABORT_SECONDS)

    def _run(self) -> None:
        try:
            self.experiment.run()
        except BaseException as error:
            self.error = error
