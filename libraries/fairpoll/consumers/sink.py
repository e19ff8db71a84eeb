"""The sink: one JSON object a line, one file a topic, no faster than its rate allows."""

import json
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from types import TracebackType

from fairpoll.clock import now_ms
from fairpoll.consumers.pace import Pace
from fairpoll.consumers.record import Record
from fairpoll.disk import unwritable
from fairpoll.errors import ConsumerError
from fairpoll.events import dump, mend_end
from fairpoll.layout import DEAD_LETTERS


class PoisonError(Exception):
    """A record that can never be written, however often it is tried."""


class FileSink:
    """Writes records to files at a limited rate (`pace`).

    Each line is handed to the operating system at once: what was written survives the process being
    killed.
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
        self.pace = Pace(rate, topic_rates)

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
        self.pace.occupy(record.topic())

    def write_dead_letter(self, record: Record, reason: str) -> None:
        """Put a record that no file can take aside, whole, with the reason."""
        text = (record.value() or b"").decode("utf-8", "backslashreplace")
        mend_end(self._dead_letters)
        with self._dead_letters.open("ab", buffering=0) as file:
            _append(file, _line(record, reason=reason, value=text))
        self.pace.occupy(record.topic())

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
