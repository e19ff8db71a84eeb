"""The errors people see. Each message says what is wrong, what was expected, and the way out."""


class FairpollError(Exception):
    """Base of every error meant for people.

    Robot Framework shows the sentence alone, without the class name, because of the flag below
    (the package itself never imports Robot).
    """

    ROBOT_SUPPRESS_NAME = True

    def __str__(self) -> str:
        """The sentence, quoted if it begins with *HTML*, which Robot Framework would render as HTML."""
        text = super().__str__()
        return f"'{text}" if text.upper().startswith("*HTML*") else text


class ScenarioError(FairpollError):
    """A scenario file that cannot be used: names the file, the line, the key and what is allowed."""


class ClusterError(FairpollError):
    """A cluster that cannot be started, reached or used."""


class ClusterUnavailableError(ClusterError):
    """This kind of cluster cannot run on this machine (no Java, no Maven, no Docker); another may."""


class TrafficError(FairpollError):
    """The producer could not do its work."""


class ConsumerError(FairpollError):
    """A consumer under test that did not start, or ended on its own."""


class LeagueError(FairpollError):
    """A league that cannot be run: an example that cannot be read or built, an unknown name."""


class HistoryError(FairpollError):
    """Recorded evidence that cannot be read or does not belong to this run."""


class DeadlineError(FairpollError):
    """A wait that reached its deadline; the message has the last state."""
