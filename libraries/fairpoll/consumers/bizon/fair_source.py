"""A Bizon source that polls Kafka continuously and returns records fairly, for `source_file_path`.

Bizon's own Kafka source reads a batch in the order of arrival, and the next one after that is written. This
source uses our fair poller: a thread polls into bounded buffers, and each iteration of Bizon gets a few
records of every partition that has any.
"""

import os
import signal
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from bizon.connectors.sources.kafka.src.config import KafkaSourceConfig
from bizon.connectors.sources.kafka.src.source import KafkaSource
from bizon.source.models import SourceIteration
from pydantic import Field

from fairpoll.base.errors import ConsumerError
from fairpoll.consumers import ConsumerConfig, FairConsumer
from fairpoll.consumers.record import Record, runs
from fairpoll.consumers.sink import FileSink
from fairpoll.contract.events import EventWriter
from fairpoll.contract.settings import PollSettings

# Records of each partition in an iteration of Bizon, which costs some ten milliseconds on a busy machine.
# With more of them, a quiet partition waits longer for the next iteration.
TURNS = 2
# Between two rounds the poll thread may take the lock: locks are not fair, and it would wait for many rounds.
YIELD_SECONDS = 0.001
# The settings that are properties of the client too.
CLIENT_TIMEOUTS = {
    "session_timeout_ms": "session.timeout.ms",
    "max_poll_interval_ms": "max.poll.interval.ms",
}


def _setting(name: str) -> Any:
    """A field with the default, range and meaning of this setting of PollSettings."""
    setting = next(setting for setting in fields(PollSettings) if setting.name == name)
    declared = setting.metadata["key"]
    schema = declared.value.schema
    return Field(setting.default, ge=schema["minimum"], le=schema["maximum"], description=declared.help)


class FairKafkaSourceConfig(KafkaSourceConfig):
    """Bizon's configuration with the specification's settings of asynchronous polling."""

    enable_async_polling: bool = Field(True, description="Poll in a thread of its own; return records fairly")
    poll_interval_ms: int = _setting("poll_interval_ms")
    max_poll_records: int = _setting("max_poll_records")
    partition_pause_threshold: int = _setting("partition_pause_threshold")


class RoundPoller(FairConsumer):
    """The fair poller without a sink: Bizon takes rounds of records, and confirms them when written.

    `delivering` is held from taking a round to its end, so that no partition is revoked meanwhile.
    """

    _round_taken = False

    def open_sink(self) -> FileSink:
        """A sink without files: Bizon writes them."""
        return FileSink(self.config.output_folder, {}, None)

    def start_polling(self) -> None:
        """Start the thread that polls and makes all calls to the client. SIGTERM ends it and Bizon."""
        self._thread = threading.Thread(target=self._poll, name="poll", daemon=True)
        self._thread.start()
        signal.signal(signal.SIGTERM, lambda *_: self._end())

    def next_round(self, wait_seconds: float) -> list[Record]:
        """The records of TURNS turns of each partition that has any; waits for the first of them.

        Raises ConsumerError when the poller has failed.
        """
        self._release_round()
        self.buffers.wait(wait_seconds)
        if self._worker_error:
            raise ConsumerError(f"the poller failed: {self._worker_error}") from self._worker_error
        time.sleep(YIELD_SECONDS)
        self.delivering.acquire()
        self._round_taken = True
        records: list[Record] = []
        for _ in range(TURNS * len(self.assigned)):
            records += self.buffers.take()
        self._round = records
        return records

    def confirm_round(self) -> None:
        """Called when Bizon has written the round: the poll thread may commit it."""
        for _, records in runs(self._round):
            self.count_done(records)
        self._release_round()

    def _release_round(self) -> None:
        self._round = []
        if self._round_taken:
            self._round_taken = False
            self.delivering.release()

    def _poll(self) -> None:
        try:
            self.emit("startup_complete")
            self.subscribe()
            try:
                self._poll_until_stopped()
            finally:
                self.commit(wait=True)
                self.client.close()
                self.emit("shutdown_complete")
        except BaseException as error:
            self._worker_error = error  # raised by next_round

    def _end(self) -> None:
        """Called in Bizon's thread: the current round was not written, and will be redelivered."""
        self._release_round()
        self.stop()
        self._thread.join()
        os._exit(0)  # Bizon has no other way to end a stream


class FairKafkaSource(KafkaSource):
    """Bizon's Kafka source, reading through `RoundPoller` unless `enable_async_polling` is off."""

    def __init__(self, config: FairKafkaSourceConfig) -> None:
        super().__init__(config)
        self._poller: RoundPoller | None = None

    @staticmethod
    def get_config_class() -> type[KafkaSourceConfig]:
        return FairKafkaSourceConfig

    def get(self, pagination: dict[str, Any] | None = None) -> SourceIteration:
        if not self.config.enable_async_polling:
            return super().get(pagination)
        if self._poller is None:  # Bizon creates several sources and reads from one
            self._poller = RoundPoller(self._poller_config(), EventWriter())
            self._poller.start_polling()
        records = self.parse_encoded_messages(self._poller.next_round(self.config.consumer_timeout))
        return SourceIteration(next_pagination={}, records=records)

    def commit(self) -> None:
        if self._poller is None:
            super().commit()
        else:
            self._poller.confirm_round()

    def _poller_config(self) -> ConsumerConfig:
        ours = ("group.id", "error_cb", *CLIENT_TIMEOUTS.values())
        settings = PollSettings(
            poll_interval_ms=self.config.poll_interval_ms,
            max_poll_records=self.config.max_poll_records,
            partition_pause_threshold=self.config.partition_pause_threshold,
            **{
                name: self.config.consumer_config[name_in_client]
                for name, name_in_client in CLIENT_TIMEOUTS.items()
                if name_in_client in self.config.consumer_config
            },
        )
        return ConsumerConfig(
            group=self.config.group_id,
            outputs={topic.name: "" for topic in self.config.topics},
            output_folder=Path(),
            sink_rate=None,
            client_config={k: v for k, v in self.config.consumer_config.items() if k not in ours},
            settings=settings,
        )
