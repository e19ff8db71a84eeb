"""An experiment that goes on in the background, so that harm can be done to its parts meanwhile."""

import threading

from fairpoll.base.waiting import wait_until
from fairpoll.run.experiment import Experiment

# From the order to the first live message: backlog, start of the consumers, assignment.
BEGIN_SECONDS = 300.0
ABORT_SECONDS = 30.0


class RunningExperiment:
    """Runs the experiment in a thread of its own; its error is raised by whoever waits for it."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        # What has ended it early, if anything has.
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="experiment", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether it has come to its end, or to an error."""
        return not self._thread.is_alive()

    def wait_for_traffic(self) -> None:
        """Return when the live traffic has begun. Raises what ended the run before that."""

        def begun() -> bool:
            self.check()
            return self.experiment.started.is_set()

        wait_until(begun, BEGIN_SECONDS, "the live traffic to begin")

    def check(self) -> None:
        """Raise what has ended the run, if anything has."""
        if self.error is not None:
            raise self.error

    def finish(self) -> None:
        """Wait until the run is over, and raise what went wrong in it."""
        self._thread.join()
        self.check()

    def abort(self) -> None:
        """Break it off; safe to call when it is over."""
        if self._thread.is_alive():
            self.experiment.abort()
            self._thread.join(ABORT_SECONDS)

    def _run(self) -> None:
        try:
            self.experiment.run()
        except BaseException as error:
            self.error = error
