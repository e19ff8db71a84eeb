"""A keyword that does harm at random for hours."""

import random
import secrets
from collections.abc import Callable
from typing import cast

from robot.api import SkipExecution, logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.keywords.arguments import Duration, Mode, Topic
from fairpoll.keywords.FaultLibrary import FaultLibrary, brokers_down, experiment_now, watch_for

# Between two faults, and before the traffic ends, for the last of them to be got over.
QUIET_SECONDS = 10.0
LAST_QUIET_SECONDS = 60.0


@library(scope="GLOBAL", doc_format="MARKDOWN")
class SoakLibrary:
    """Chooses among the faults of FaultLibrary, which must be imported as well."""

    @keyword
    def do_harm_at_random_until_the_traffic_ends(self, mode: Mode, seed: str = "") -> None:
        """Does one thing after another, each followed by some quiet, until a minute before the traffic's end.

        Each is one of: a leader or the coordinator killed and started again, a leader moved, frozen, cut
        off, answering late, the consumer or the producer killed, the consumer's disk full. What a cluster
        cannot do to its brokers is left out.

        Args:
            mode: the consumer to be harmed, such as `async`.
            seed: of the choice, printed; the same seed does the same again. Default: a new one.

        Fails if no scenario is being run, and with what ends it.

        Example: `Do Harm At Random Until The Traffic Ends    async    seed=7`
        """
        faults = cast(FaultLibrary, BuiltIn().get_library_instance("fairpoll.keywords.FaultLibrary"))
        seed = seed or secrets.token_hex(4)
        logger.warn(f"faults at random from seed {seed}; --variable SEED:{seed} repeats them")
        chance = random.Random(seed)
        topics = [Topic(name) for name in experiment_now().topic_names]
        while (left := experiment_now().seconds_left) > LAST_QUIET_SECONDS:
            topic, duration = chance.choice(topics), Duration(chance.uniform(1, 8))
            harm = chance.choice(_harms(faults, mode, topic, duration))
            try:
                harm()
            except SkipExecution:
                continue  # this cluster cannot do it
            if brokers_down():
                watch_for(duration.seconds)
                faults.start_every_broker_that_is_down()
            watch_for(min(left, QUIET_SECONDS))
            faults.wait_until_whole()


def _harms(faults: FaultLibrary, mode: Mode, topic: Topic, time: Duration) -> list[Callable[[], None]]:
    return [
        lambda: faults.kill_the_leader(topic),
        lambda: faults.kill_the_coordinator(mode),
        lambda: faults.move_the_leader(topic),
        lambda: faults.freeze_the_leader(topic, time),
        lambda: faults.cut_off(topic, time),
        lambda: faults.swallow_answers(topic, time),
        lambda: faults.delay_leader(topic, Duration(0.2), time),
        lambda: faults.kill_the_consumer(mode, time),
        lambda: faults.kill_the_producer(time),
        lambda: faults.fill_the_disk(mode, time),
    ]
