"""A keyword that injects random faults for hours."""

import random
import secrets
from typing import Any

from robot.api import logger
from robot.api.deco import keyword, library

from fairpoll.contract.subject import Mode
from fairpoll.keywords.FaultLibrary import inject, scene, wait_until_in_sync
from fairpoll.keywords.session import SESSION
from fairpoll.run.faults import FAULTS

# Time to recover: between two faults, and from the last one to the end of the traffic.
QUIET_SECONDS = 10.0
LAST_QUIET_SECONDS = 60.0


@library(scope="GLOBAL", doc_format="MARKDOWN")
class SoakLibrary:
    """Chooses among the faults of FaultLibrary."""

    @keyword(tags=["fault"])
    def inject_random_faults_until_the_traffic_ends(self, mode: Mode, seed: str = "") -> None:
        """Injects one random fault after another, ten seconds apart, until a minute before the traffic's end.

        They are the faults in docs/reference/faults.md that this kind of cluster can inject, but for
        those of a numbered broker.

        Args:
            mode: the consumer that gets the consumer faults, such as `async`.
            seed: seed of the random choice, printed; the same seed repeats the faults. Default: a new one.

        Fails if no scenario is running, and with the error that ends it.

        Example: `Inject Random Faults Until The Traffic Ends    async    seed=7`
        """
        seed = seed or secrets.token_hex(4)
        logger.warn(f"random faults from seed {seed}; --variable SEED:{seed} repeats them")
        chance, experiment = random.Random(seed), scene().experiment
        topics = list(experiment.topic_names)
        values: dict[str, Any] = {"mode": SESSION.running_consumer(mode), "delay": 0.2}
        kind = experiment.cluster.kind
        faults = [f for f in FAULTS if "number" not in f.arguments and kind in f.kinds]
        while (left := experiment.seconds_left) > LAST_QUIET_SECONDS:
            values |= {"topic": chance.choice(topics), "time": chance.uniform(1, 8)}
            fault = chance.choice(faults)
            inject(fault, **{name: values[name] for name in fault.arguments})
            if scene().faults.down:
                scene().running.let_run(values["time"])
                scene().restart_stopped_brokers()
            scene().running.let_run(min(left, QUIET_SECONDS))
            wait_until_in_sync()
