"""A small, sound recording on disk, made with the producer's own messages."""

import json
from pathlib import Path

from fairpoll.contract.events import dump
from fairpoll.evidence import layout
from fairpoll.producer.messages import build_message
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.units import Bursts

RUN_ID, TOPIC, START_MS = "20260101-000000-abcd", "low.r", 1_000_000.0
# Four messages in all: the high-volume topic has none.
SCENARIO = Scenario(
    title="four messages",
    duration_seconds=4.0,
    sink_rate=10.0,
    topics=(
        TopicPlan("high", "high", 2, Bursts(1, 60.0), "high_vol.json", starts_after_seconds=4.0),
        TopicPlan("low", "low", 1, Bursts(1, 1.0), "low_vol.json"),
    ),
)


def write_recording(folder: Path, messages: int = 4) -> None:
    """Consumer `c` has delivered all of it, each record half a second after it was sent, one a second."""
    facts = {
        "run_id": RUN_ID,
        "scenario": SCENARIO.to_json(),
        "speed": 1.0,
        "cluster": {"kind": "mock", "description": "mock"},
        "topics": {"high": "high.r", "low": TOPIC},
        "consumers": ["c"],
        "start_ms": START_MS,
        "stopped_ms": START_MS + 5_000,
        "complete": True,
    }
    (folder / layout.RUN).write_text(json.dumps(facts), "utf-8")
    ledger = [{"timestamp": START_MS, "name": "startup_complete", "run_id": RUN_ID}]
    output = []
    for sequence in range(messages):
        at = START_MS + sequence * 1000
        _, value, checksum, crc = build_message(SCENARIO.topics[1], RUN_ID, sequence, sequence, at)
        where = {"partition": 0, "offset": sequence}
        times = {"intended_ms": at, "sent_ms": at}
        sent = {"topic": "low", "sequence": sequence, "batch": sequence, "checksum": checksum}
        sent["value_crc32"] = crc
        ledger.append(
            {"timestamp": at, "name": "producer_send_success", **sent, **times, **where, "poison": False}
        )
        output.append({"topic": TOPIC, **where, "delivered_ms": at + 500, "value": json.loads(value)})
    owned = [{"topic": topic, "partition": p} for topic, p in (("high.r", 0), ("high.r", 1), (TOPIC, 0))]
    assigned = {"timestamp": START_MS, "name": "partitions_assigned", "partitions": owned}
    committed = {
        "timestamp": START_MS + 5_000,
        "name": "committed_offsets",
        "consumer": "c",
        "offsets": [{"topic": TOPIC, "partition": 0, "offset": messages}],
        "final": True,
    }
    (folder / "c").mkdir()
    for name, lines in (
        (layout.LEDGER, ledger),
        ("c/low_vol.json", output),
        (f"c/{layout.EVENTS}", [assigned]),
        (layout.SAMPLES, [committed]),
    ):
        (folder / name).write_text("".join(dump(line) + "\n" for line in lines), "utf-8")


def observe(folder: Path) -> None:
    """Add that the consumer's files were observed, each once when it was whole."""
    paths = [folder / "c" / "low_vol.json", folder / "c" / layout.EVENTS]
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    times = {"timestamp": START_MS + 5_000, "since": START_MS - 1}
    line = dump({**times, "name": "files_grown", "sizes": sizes})
    (folder / layout.OBSERVED).write_text(line + "\n", "utf-8")


class Sizes(dict[str, int]):
    """The sizes of files as they are now, in place of a run's observer."""

    def __contains__(self, path: object) -> bool:
        return Path(str(path)).exists()

    def get(self, path: str, default: int = 0) -> int:
        return Path(path).stat().st_size if path in self else default
