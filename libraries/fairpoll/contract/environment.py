"""The environment variables that a consumer under test is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairpoll.contract import client_config
from fairpoll.contract.settings import PollSettings

BOOTSTRAP_SERVERS = "FAIRPOLL_BOOTSTRAP_SERVERS"
GROUP = "FAIRPOLL_GROUP"
TOPICS = "FAIRPOLL_TOPICS"
OUTPUT_FOLDER = "FAIRPOLL_OUTPUT_FOLDER"
MEMBER = "FAIRPOLL_MEMBER"
SINK_RATE = "FAIRPOLL_SINK_RATE"
TOPIC_SINK_RATES = "FAIRPOLL_TOPIC_SINK_RATES"


def connection_variables(config: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that pass on these properties of a Kafka client."""
    servers = config["bootstrap.servers"]
    # The file is read once, so that its name, relative to another folder, need not be right elsewhere.
    read = {client_config.PROPERTIES_FILE: ""}
    return {**client_config.to_environment(config), BOOTSTRAP_SERVERS: servers, **read}


@dataclass(frozen=True)
class ConsumerEnvironment:
    """The task of one consumer group: `outputs` maps each topic of the cluster to an output file.

    `sink_rate` and `topic_sink_rates` are in records per second; None: no limit.
    """

    group: str
    outputs: Mapping[str, str]
    sink_rate: float | None
    topic_sink_rates: Mapping[str, float] = field(default_factory=dict)
    settings: PollSettings = field(default_factory=PollSettings)

    def to_environment(self) -> dict[str, str]:
        """Its environment variables, without those for a member's output folder and the connection."""
        rates = self.topic_sink_rates.items()
        return {
            GROUP: self.group,
            TOPICS: " ".join(f"{topic}={file}" for topic, file in self.outputs.items()),
            TOPIC_SINK_RATES: " ".join(f"{topic}={rate:g}" for topic, rate in rates),
            **({} if self.sink_rate is None else {SINK_RATE: f"{self.sink_rate:g}"}),
            **self.settings.to_environment(),
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ConsumerEnvironment":
        """The reverse of `to_environment`. Raises KeyError without a group or topics, and ValueError."""
        rates = _pairs(environment.get(TOPIC_SINK_RATES, ""))
        rate = environment.get(SINK_RATE)
        return cls(
            environment[GROUP],
            _pairs(environment[TOPICS]),
            float(rate) if rate else None,
            {topic: float(text) for topic, text in rates.items()},
            PollSettings.from_environment(environment),
        )


def _pairs(text: str) -> dict[str, str]:
    """`a=1 b=2` as a mapping."""
    pairs = (pair.partition("=") for pair in text.split())
    return {name: value for name, _, value in pairs}
