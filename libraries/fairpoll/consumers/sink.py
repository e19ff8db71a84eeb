"""The sink: one JSON object a line, one file a topic, no faster than its rate allows."""

import json
import threading
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from types import TracebackType

from fairpoll.clock import now_ms, now_seconds
from fairpoll.consumers.record import Record
from fairpoll.disk import unwritable
from fairpoll.errors import ConsumerError
from fairpoll.events import dump, mend_end
from fairpoll.layout import DEAD_LETTERS

# How much of its schedule a late sink makes up for: what a busy machine takes from it, not what a
# consumer that does not keep up lets pass.
CATCH_UP_SECONDS = 0.25


class PoisonError(Exception):
    """A record that can never be written, however often it is tried."""


class FileSink:
    """Writes records to files at a limited rate.

    A record occupies the sink for 1/rate seconds, counted on an absolute schedule, so that being
    woken a little late does not lower the rate. Each line is handed to the operating system at once:
    what was written survives the process being killed.
    """

    def __init__(
        self,
        folder: Path,
        outputs: Mapping[str, str],
        rate: float | None,
        topic_rates: Mapping[str, float] | None = None,
    ) -> None:
        """`outputs` maps topic -> file name; `rate` is records per second, None for no limit.

        `topic_rates` are for topics whose records are more work than others.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in outputs.values():
                mend_end(folder / name)
            self._files = {topic: (folder / name).open("ab", buffering=0) for topic, name in outputs.items()}
        except OSError as error:
            raise ConsumerError(unwritable(error.filename or folder, error)) from None
        self._dead_letters = folder / DEAD_LETTERS
        self._rate = rate
        self._topic_rates = dict(topic_rates or {})
        self._free_at = 0.0
        self._rate_changed = threading.Event()

    def set_rate(self, rate: float | None) -> None:
        """Change the rate, from any thread; whoever waits for a turn takes it up at once.

        No limit is none for any topic.
        """
        self._rate = rate
        if rate is None:
            self._topic_rates.clear()
        self._rate_changed.set()

    def wait_turn(self, stop: threading.Event) -> bool:
        """Wait until the sink can take a record. False when `stop` was set first."""
        while not stop.is_set():
            wait = self._free_at - now_seconds() if self._rate or self._topic_rates else 0.0
            if wait <= 0:
                return True
            # Woken by a change of rate; in short steps, so that stop is seen as well.
            self._rate_changed.wait(min(wait, 0.1))
            self._rate_changed.clear()
        return False

    def write(self, record: Record) -> None:
        """Write one record to its topic's file and occupy the sink for one interval.

        Raises PoisonError when its value is not JSON; nothing is written then. Raises ConsumerError
        when the file does not take all of it; the record then counts as not written.
        """
        try:
            value = json.loads(record.value() or b"null")
        except (ValueError, RecursionError) as error:
            raise PoisonError(str(error)) from None
        _append(self._files[record.topic()], _line(record, value=value))
        self._occupy(record.topic())

    def write_dead_letter(self, record: Record, reason: str) -> None:
        """Put a record that no file can take aside, whole, with the reason."""
        text = (record.value() or b"").decode("utf-8", "backslashreplace")
        mend_end(self._dead_letters)
        with self._dead_letters.open("ab", buffering=0) as file:
            _append(file, _line(record, reason=reason, value=text))
        self._occupy(record.topic())

    def _occupy(self, topic: str) -> None:
        rate = self._topic_rates.get(topic, self._rate)
        if rate:
            self._free_at = max(self._free_at, now_seconds() - CATCH_UP_SECONDS) + 1 / rate

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def __enter__(self) -> "FileSink":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _line(record: Record, **content: object) -> bytes:
    where = {"topic": record.topic(), "partition": record.partition(), "offset": record.offset()}
    # JSON may hold half a character ("\\ud800"), which is read back as it was sent.
    return dump({**where, "delivered_ms": now_ms(), **content}).encode(errors="surrogatepass") + b"\n"


def _append(file: FileIO, line: bytes) -> None:
    """Write the whole line. A disk that fills up takes a part of it first, and only then refuses."""
    try:
        written = 0
        while written < len(line):
            written += file.write(line[written:])
    except OSError as error:
        raise ConsumerError(unwritable(str(file.name), error)) from None
