"""The settings of a consumer under test.

From this one list are made the block `consumer` of a scenario file, the options of `fairpoll consume`, the
environment variables of a consumer, and the fields of Bizon's source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fairpoll.contract.keys import choice, key, whole

PREFIX = "FAIRPOLL_"
HEARTBEAT_INTERVAL = "FAIRPOLL_HEARTBEAT_INTERVAL_MS"
# Kafka's default. A client that keeps it in a session of 3 s or less is evicted before its second heartbeat.
DEFAULT_HEARTBEAT_MS = 3000


@dataclass(frozen=True)
class PollSettings:
    """Settings of one consumer; the specification's names and defaults. None is divided by SPEED."""

    poll_interval_ms: int = key(
        "Longest wait of one poll for records, in milliseconds. Default {default}.",
        whole(1, 60_000),
        default=50,
    )
    max_poll_records: int = key(
        "Most records that one poll returns. Default {default}.", whole(1, 1_000_000), default=100
    )
    partition_pause_threshold: int = key(
        "Buffered records at which the async consumer pauses a partition. Default {default}.",
        whole(1, 1_000_000),
        default=500,
    )
    session_timeout_ms: int = key(
        "Session timeout (session.timeout.ms). Default {default}.", whole(500, 3_600_000), default=45_000
    )
    max_poll_interval_ms: int = key(
        "Longest time between two polls (max.poll.interval.ms). Default {default}.",
        whole(500, 86_400_000),
        default=300_000,
    )
    poison_policy: str = key(
        "A record that is not JSON: write it to dead_letters.json, report and skip it, or stop. "
        "Default {default}.",
        choice("dead-letter", "skip", "stop"),
        default="dead-letter",
    )

    @property
    def heartbeat_interval_ms(self) -> int:
        """A third of the session timeout, as Kafka's documentation asks for; at most Kafka's default."""
        return min(DEFAULT_HEARTBEAT_MS, self.session_timeout_ms // 3)

    def to_environment(self) -> dict[str, str]:
        """The environment variables of a consumer with these settings: FAIRPOLL_ and the name."""
        given = {variable(setting.name): str(getattr(self, setting.name)) for setting in fields(self)}
        return {**given, HEARTBEAT_INTERVAL: str(self.heartbeat_interval_ms)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PollSettings":
        """The reverse of `to_environment`; without its variable a setting has its default.

        Raises ValueError for an invalid number.
        """
        given: dict[str, Any] = {}
        for setting in fields(cls):
            if (text := environment.get(variable(setting.name))) is not None:
                given[setting.name] = int(text) if isinstance(setting.default, int) else text
        return cls(**given)


def variable(name: str) -> str:
    """The environment variable of a setting: FAIRPOLL_MAX_POLL_RECORDS for max_poll_records."""
    return PREFIX + name.upper()
