"""The settings of a consumer under test.

From this one list are made the block `consumer` of a scenario file, the options of `fairpoll consume`, the
environment variables of a consumer, and the fields of Bizon's source.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

PREFIX = "FAIRPOLL_"
POISON_POLICIES = ("dead-letter", "skip", "stop")


@dataclass(frozen=True)
class Allowed:
    """A setting's meaning and range: whole numbers from `minimum` to `maximum`, or one of `choices`."""

    help: str
    minimum: int = 0
    maximum: int = 0
    choices: tuple[str, ...] = ()


def _number(default: int, minimum: int, maximum: int, description: str) -> int:
    return field(default=default, metadata={"allowed": Allowed(description, minimum, maximum)})


def _choice(default: str, choices: tuple[str, ...], description: str) -> str:
    return field(default=default, metadata={"allowed": Allowed(description, choices=choices)})


@dataclass(frozen=True)
class PollSettings:
    """Settings of one consumer; the specification's names and defaults. None is divided by SPEED."""

    poll_interval_ms: int = _number(50, 1, 60_000, "Longest wait of one poll for records, in milliseconds.")
    max_poll_records: int = _number(100, 1, 1_000_000, "Most records that one poll returns.")
    partition_pause_threshold: int = _number(
        500, 1, 1_000_000, "Buffered records at which the async consumer pauses a partition."
    )
    session_timeout_ms: int = _number(45_000, 500, 3_600_000, "Session timeout (session.timeout.ms).")
    max_poll_interval_ms: int = _number(
        300_000, 500, 86_400_000, "Longest time between two polls (max.poll.interval.ms)."
    )
    poison_policy: str = _choice(
        "dead-letter",
        POISON_POLICIES,
        "A record that is not JSON: write it to dead_letters.json, report and skip it, or stop.",
    )

    def to_environment(self) -> dict[str, str]:
        """The environment variables of a consumer with these settings: FAIRPOLL_ and the name."""
        return {variable(setting.name): str(getattr(self, setting.name)) for setting in fields(self)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PollSettings":
        """The reverse of `to_environment`; without its variable a setting has its default.

        Raises ValueError for an invalid number.
        """
        given: dict[str, Any] = {}
        for setting in fields(cls):
            if (text := environment.get(variable(setting.name))) is not None:
                given[setting.name] = text if allowed(setting).choices else int(text)
        return cls(**given)


def variable(name: str) -> str:
    """The environment variable of a setting: FAIRPOLL_MAX_POLL_RECORDS for max_poll_records."""
    return PREFIX + name.upper()


def allowed(setting: "Field[Any]") -> Allowed:
    """The meaning and range of a field of PollSettings."""
    found: Allowed = setting.metadata["allowed"]
    return found


def default(setting: "Field[Any]") -> int | str:
    """The default of a field of PollSettings."""
    assert setting.default is not MISSING
    found: int | str = setting.default
    return found


def settings_schema() -> dict[str, Any]:
    """JSON Schema of the settings by name, as in scenario.schema.json under `consumer`."""
    return {setting.name: _schema_of(setting) for setting in fields(PollSettings)}


def _schema_of(setting: "Field[Any]") -> dict[str, Any]:
    values = allowed(setting)
    kind: dict[str, Any] = (
        {"enum": list(values.choices)}
        if values.choices
        else {"type": "integer", "minimum": values.minimum, "maximum": values.maximum}
    )
    return {**kind, "description": f"{values.help} Default {default(setting)}."}
