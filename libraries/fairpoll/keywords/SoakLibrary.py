"""A keyword that injects random faults for hours."""

import random
import secrets
from collections.abc import Callable
from typing import cast

from robot.api import SkipExecution, logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.keywords.arguments import Duration, Topic
from fairpoll.keywords.FaultLibrary import FaultLibrary, brokers_down, experiment_now, watch_for
from fairpoll.run.modes import Mode

# Time to recover: between two faults, and from the last one to the end of the traffic.
QUIET_SECONDS = 10.0
LAST_QUIET_SECONDS = 60.0


@library(scope="GLOBAL", doc_format="MARKDOWN")
class SoakLibrary:
    """Chooses among the faults of FaultLibrary, which must be imported as well."""

    @keyword(tags=["fault"])
    def inject_random_faults_until_the_traffic_ends(self, mode: Mode, seed: str = "") -> None:
        """Injects one random fault after another, ten seconds apart, until a minute before the traffic's end.

        Faults are: a leader or the coordinator killed and restarted, a leader moved, frozen, isolated,
        without responses or slow, the consumer or the producer killed, the consumer's disk full. Faults that
        the cluster does not support are left out.

        Args:
            mode: the consumer that gets the consumer faults, such as `async`.
            seed: seed of the random choice, printed; the same seed repeats the faults. Default: a new one.

        Fails if no scenario is running, and with the error that ends it.

        Example: `Inject Random Faults Until The Traffic Ends    async    seed=7`
        """
        faults = cast(FaultLibrary, BuiltIn().get_library_instance("fairpoll.keywords.FaultLibrary"))
        seed = seed or secrets.token_hex(4)
        logger.warn(f"random faults from seed {seed}; --variable SEED:{seed} repeats them")
        chance = random.Random(seed)
        topics = [Topic(name) for name in experiment_now().topic_names]
        while (left := experiment_now().seconds_left) > LAST_QUIET_SECONDS:
            topic, duration = chance.choice(topics), Duration(chance.uniform(1, 8))
            inject = chance.choice(_injections(faults, mode, topic, duration))
            try:
                inject()
            except SkipExecution:
                continue  # this cluster does not support the fault
            if brokers_down():
                watch_for(duration.seconds)
                faults.restart_stopped_brokers()
            watch_for(min(left, QUIET_SECONDS))
            faults.wait_until_in_sync()


def _injections(faults: FaultLibrary, mode: Mode, topic: Topic, time: Duration) -> list[Callable[[], None]]:
    return [
        lambda: faults.kill_the_leader(topic),
        lambda: faults.kill_the_coordinator(mode),
        lambda: faults.move_the_leader(topic),
        lambda: faults.freeze_the_leader(topic, time),
        lambda: faults.isolate_the_leader(topic, time),
        lambda: faults.drop_responses(topic, time),
        lambda: faults.delay_leader(topic, Duration(0.2), time),
        lambda: faults.kill_the_consumer(mode, time),
        lambda: faults.kill_the_producer(time),
        lambda: faults.fill_the_disk(mode, time),
    ]
