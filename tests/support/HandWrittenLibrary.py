"""A keyword that puts a tiny recording where a run would have left one."""

from robot.api.deco import keyword, library

from fairpoll.keywords.session import SESSION
from fairpoll.keywords.suite_scenarios import RECORDS
from fairpoll.verdicts.verdict import Verdict
from histories import acked, consumer, delivered, recording


@library(scope="GLOBAL", doc_format="MARKDOWN")
class HandWrittenLibrary:
    """For rows that are about the judgement's arguments, not about a run."""

    @keyword(tags=[RECORDS])
    def take_a_hand_written_recording(self) -> None:
        """Makes it the current one. Does nothing else."""
        SESSION.current = [Verdict(recording(acked("low", 0), consumer("async", delivered("low", 0, 1))))]
