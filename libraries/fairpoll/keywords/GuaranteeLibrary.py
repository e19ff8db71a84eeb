"""Keywords that judge the current recording by the criteria that hold under any load."""

from robot.api.deco import keyword, library

from fairpoll.checkers import CRITERIA, DELIVERY_GUARANTEES
from fairpoll.contract.subject import Mode
from fairpoll.keywords.arguments import CONVERTERS
from fairpoll.keywords.criterion_keywords import with_keywords
from fairpoll.keywords.judging import find, settle
from fairpoll.keywords.VerdictLibrary import SAFETY


@library(scope="GLOBAL", doc_format="MARKDOWN", converters=CONVERTERS)
@with_keywords(criterion for criterion in CRITERIA.values() if criterion.family in SAFETY)
class GuaranteeLibrary:
    """Judges the recording of the scenario that was run last by criteria that hold under any load.

    The evidence is the sink's files and the offsets committed on the broker, compared with the ledger of
    acked messages; never a count that a consumer reports.
    """

    @keyword(tags=("delivery", "guarantee"))
    def every_delivery_guarantee_should_hold(self, mode: Mode) -> None:
        """Fails if any of the guarantees of at-least-once delivery is broken; names each that is.

        They are: nothing lost after the drain, content intact, only acked messages, each record in its
        own topic's output, only uncommitted records redelivered and only after a new assignment, order kept,
        delivered only while assigned, commits never ahead of the sink, commits level with it at the end.

        Args:
            mode: the consumer, such as `async`.

        Example: `Every Delivery Guarantee Should Hold    async`
        """
        settle([finding for criterion in DELIVERY_GUARANTEES for finding in find(criterion, mode)])

    @keyword(tags=("backpressure",))
    def backpressure_should_hold(self, mode: Mode) -> None:
        """Fails if buffers grew beyond their bound, or if pauses and resumes do not pair up.

        The bound is `partition_pause_threshold` plus one poll of `max_poll_records`, as the
        consumer reports it. A consumer that does not report it is judged by the growth of its memory.

        Args:
            mode: the consumer, such as `async`.

        Example: `Backpressure Should Hold    async`
        """
        settle([*find("buffers_bounded", mode), *find("pauses_pair_up", mode)])
