"""The errors that people see. A message has the mistake, the expected value and a way to correct it."""

from fairpoll.base.command_line import masked


class FairpollError(Exception):
    """Base of every error meant for people. Its message hides the secrets of the commands that were run.

    The flag makes Robot Framework show the message without the class name.
    """

    ROBOT_SUPPRESS_NAME = True

    def __str__(self) -> str:
        """The sentence, quoted if it begins with *HTML*, which Robot Framework would render as HTML."""
        text = masked(super().__str__())
        return f"'{text}" if text.upper().startswith("*HTML*") else text


class ScenarioError(FairpollError):
    """A scenario file that cannot be used; the message has file, line, key and allowed values."""


class ClusterError(FairpollError):
    """A cluster that cannot be started, reached or used."""


class ClusterUnavailableError(ClusterError):
    """This kind of cluster cannot run on this machine (no Java, no Maven, no Docker); another may."""


class TrafficError(FairpollError):
    """The producer failed."""


class ConsumerError(FairpollError):
    """A consumer under test did not start, or ended on its own."""


class LeagueError(FairpollError):
    """A league that cannot be run: an example that cannot be read or built, an unknown name."""


class HistoryError(FairpollError):
    """Recorded evidence that cannot be read or does not belong to this run."""


class DeadlineError(FairpollError):
    """A wait that reached its deadline; the message has the last state."""
