"""Keywords for what a consumer must guarantee under any load: delivery, commits, backpressure, progress."""

from robot.api.deco import keyword, library

from fairpoll.checkers import DELIVERY_GUARANTEES
from fairpoll.keywords.arguments import CONVERTERS, Amount, Duration, Mode
from fairpoll.keywords.judging import find, judge, settle
from fairpoll.keywords.session import SESSION


@library(scope="GLOBAL", doc_format="MARKDOWN", converters=CONVERTERS)
class GuaranteeLibrary:
    """Judges the recording of the scenario that was run last by what no load excuses.

    Evidence is what stands in the sink's files and what the broker says is committed, held against
    the ledger of acked messages; never a count that a consumer gives of itself.
    """

    @keyword
    def every_delivery_guarantee_should_hold(self, mode: Mode) -> None:
        """Fails if any of the guarantees of at-least-once delivery is broken; names each that is.

        They are: nothing lost after the drain, content intact, only acked messages, each record in its
        own topic's output, no duplicates but uncommitted ones after a new assignment, order kept,
        delivered only while assigned, commits never ahead of the sink, commits level with it at the end.

        Args:
            mode: the consumer, such as `async`.

        Example: `Every Delivery Guarantee Should Hold    async`
        """
        verdict = SESSION.verdict()
        settle(verdict, [find(verdict, criterion, mode) for criterion in DELIVERY_GUARANTEES])

    @keyword
    def nothing_should_be_lost(self, mode: Mode) -> None:
        """Fails if an acked message is not in the sink after the drain; names at most 20.

        A poison message must be a dead letter, or reported where the policy is to skip.

        Args:
            mode: the consumer, such as `async`.

        Example: `Nothing Should Be Lost    async`
        """
        judge("nothing_lost", mode)

    @keyword
    def content_should_be_intact(self, mode: Mode) -> None:
        """Fails if what the sink holds of a message is not what was sent, by its checksum.

        Args:
            mode: the consumer, such as `async`.

        Example: `Content Should Be Intact    async`
        """
        judge("content_intact", mode)

    @keyword
    def only_acked_messages_should_be_delivered(self, mode: Mode) -> None:
        """Fails if a record was delivered that the brokers never acked; names at most 20.

        Args:
            mode: the consumer, such as `async`.

        Example: `Only Acked Messages Should Be Delivered    async`
        """
        judge("only_acked_delivered", mode)

    @keyword
    def records_should_be_in_the_right_place(self, mode: Mode) -> None:
        """Fails if a record stands in another topic's output, or without need among the dead letters.

        Args:
            mode: the consumer, such as `async`.

        Example: `Records Should Be In The Right Place    async`
        """
        judge("right_place", mode)

    @keyword
    def no_forbidden_duplicates_should_be_delivered(self, mode: Mode) -> None:
        """Fails if a record came again without a new assignment, or although it had been committed.

        Args:
            mode: the consumer, such as `async`.

        Example: `No Forbidden Duplicates Should Be Delivered    async`
        """
        judge("no_forbidden_duplicates", mode)

    @keyword
    def order_should_be_kept(self, mode: Mode) -> None:
        """Fails if, within an assignment, a partition's records were delivered out of order.

        Args:
            mode: the consumer, such as `async`.

        Example: `Order Should Be Kept    async`
        """
        judge("order_kept", mode)

    @keyword
    def records_should_be_delivered_only_while_assigned(self, mode: Mode) -> None:
        """Fails if a member delivered records of a partition that was not assigned to it then.

        Args:
            mode: the consumer, such as `async`.

        Example: `Records Should Be Delivered Only While Assigned    async`
        """
        judge("only_while_assigned", mode)

    @keyword
    def commits_should_never_be_ahead(self, mode: Mode) -> None:
        """Fails if an offset was committed before the sink held every message in front of it.

        Args:
            mode: the consumer, such as `async`.

        Example: `Commits Should Never Be Ahead    async`
        """
        judge("commits_never_ahead", mode)

    @keyword
    def commits_should_have_caught_up(self, mode: Mode) -> None:
        """Fails if, when all had stopped, a committed offset was not the next one to read.

        Args:
            mode: the consumer, such as `async`.

        Example: `Commits Should Have Caught Up    async`
        """
        judge("commits_caught_up", mode)

    @keyword
    def backpressure_should_hold(self, mode: Mode) -> None:
        """Fails if buffers grew beyond their bound, or if pauses and resumes do not pair up.

        The bound is `partition_pause_threshold` plus one poll of `max_poll_records`, by the consumer's
        own word. INCONCLUSIVE for a consumer that says nothing of its buffers.

        Args:
            mode: the consumer, such as `async`.

        Example: `Backpressure Should Hold    async`
        """
        verdict = SESSION.verdict()
        settle(
            verdict, [find(verdict, criterion, mode) for criterion in ("buffers_bounded", "pauses_pair_up")]
        )

    @keyword
    def memory_should_stay_below(self, mode: Mode, mebibytes: Amount) -> None:
        """Fails if the consumer's processes together had more resident memory than this, seen from outside.

        Args:
            mode: the consumer, such as `async`.
            mebibytes: the limit, in MiB, such as `256`.

        Example: `Memory Should Stay Below    async    256`
        """
        judge("memory_bounded", mode, mebibytes=mebibytes.number)

    @keyword
    def consumer_should_not_stall(self, mode: Mode, silence: Duration) -> None:
        """Fails if messages waited and nothing at all was delivered for this long, drain included.

        Names the partitions that waited, and which of them the consumer had paused.

        Args:
            mode: the consumer, such as `async`.
            silence: the limit, in the scenario's time, such as `10 seconds`.

        Example: `Consumer Should Not Stall    async    10 seconds`
        """
        judge("no_stall", mode, seconds=silence.seconds)

    @keyword
    def every_partition_should_be_served_within(self, mode: Mode, silence: Duration) -> None:
        """Fails if a partition had messages waiting for this long without one delivery, others or not.

        Args:
            mode: the consumer, such as `async`.
            silence: the limit, in the scenario's time, such as `10 seconds`.

        Example: `Every Partition Should Be Served Within    async    5 seconds`
        """
        judge("every_partition_served", mode, seconds=silence.seconds)

    @keyword
    def consumer_should_deliver_again_within(self, mode: Mode, recovery: Duration) -> None:
        """Fails if, after a step of the timeline, a partition with messages waiting takes longer than this.

        Steps that count are a member that joins, leaves or starts, and a sink that recovers.

        Args:
            mode: the consumer, such as `async`.
            recovery: the limit, in the scenario's time, such as `5 seconds`.

        Example: `Consumer Should Deliver Again Within    async    5 seconds`
        """
        judge("delivers_again", mode, seconds=recovery.seconds)

    @keyword
    def consumer_should_recover_within(self, mode: Mode, recovery: Duration) -> None:
        """Fails if, after something was done to the run, a message waited longer than this for its delivery.

        Counted from the message's ack, or from the end of what was done if that was later. INCONCLUSIVE
        when nothing was done.

        Args:
            mode: the consumer, such as `async`.
            recovery: the limit, in real time, such as `15 seconds`; SPEED does not divide it.

        Example: `Consumer Should Recover Within    async    15 seconds`
        """
        judge("recovers_within", mode, seconds=recovery.seconds)

    @keyword
    def group_membership_should_be_kept(self, mode: Mode) -> None:
        """Fails if a member was put out of its group, as happens to one that does not poll in time.

        Args:
            mode: the consumer, such as `async`.

        Example: `Group Membership Should Be Kept    async`
        """
        judge("membership_kept", mode)

    @keyword
    def group_membership_should_be_lost(self, mode: Mode) -> None:
        """Fails if no member was put out of its group: for a control.

        Args:
            mode: the consumer, such as `async`.

        Example: `Group Membership Should Be Lost    sync`
        """
        judge("membership_lost", mode)
