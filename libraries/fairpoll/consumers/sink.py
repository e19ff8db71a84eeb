"""The sink: one file for each topic, one JSON object on each line, at a limited rate."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path

import orjson

from fairpoll.base.clock import now_ms
from fairpoll.base.disk import unwritable
from fairpoll.base.errors import ConsumerError
from fairpoll.consumers.pace import Pace
from fairpoll.consumers.record import Record
from fairpoll.contract.avro import MAGIC, decode
from fairpoll.contract.events import dump, truncate_partial_line
from fairpoll.contract.records import DEAD_LETTERS

# A value with more brackets is parsed by json, which rejects a nesting beyond about 980 levels; orjson does
# not. A value of at most twice as many bytes need not be counted.
MOST_BRACKETS = 500
LONGEST_UNCOUNTED_BYTES = 2 * MOST_BRACKETS
# Bytes of values in one write: enough to make the call cheap, few compared with full buffers.
MOST_BYTES = 1024 * 1024


class PoisonError(Exception):
    """A record that can never be written."""


class UnwrittenError(ConsumerError):
    """The batch was not written as a whole; `written` records are complete in the file."""

    def __init__(self, message: str, written: int) -> None:
        super().__init__(message)
        self.written = written


class FileSink:
    """Writes records to files at a limited rate (`pace`).

    Each batch is passed to the operating system at once, so that written records survive a kill.
    """

    def __init__(
        self,
        folder: Path,
        outputs: Mapping[str, str],
        rate: float | None,
        topic_rates: Mapping[str, float] | None = None,
    ) -> None:
        """`outputs` maps topic -> file name; for `rate` and `topic_rates` see `Pace`."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in outputs.values():
                truncate_partial_line(folder / name)
            self.files = {topic: (folder / name).open("ab", buffering=0) for topic, name in outputs.items()}
        except OSError as error:
            raise ConsumerError(unwritable(error.filename or folder, error)) from None
        self._dead_letters = folder / DEAD_LETTERS
        self.pace = Pace(rate, topic_rates)

    def write(self, records: Sequence[Record]) -> int:
        """Write records of one partition to their topic's file; return how many were written.

        The batch ends after some MOST_BYTES, and before a value that is not JSON. It occupies the sink for
        one interval, so give it more than one record only if the rate has no limit. Raises PoisonError if
        the first value is not JSON, UnwrittenError if the file does not take all of the batch.
        """
        values: list[bytes] = []
        size = 0
        try:
            for record in records:
                value = _one_line(record.value() or b"null")
                values.append(value)
                size += len(value)
                if size > MOST_BYTES:
                    break
        except (ValueError, RecursionError) as error:
            if not values:
                raise PoisonError(str(error)) from None
        first = records[0]
        topic = first.topic()
        start = b'{"topic":%b,"partition":%d,"offset":' % (dump(topic).encode(), first.partition())
        between = b',"delivered_ms":%r,"value":' % now_ms()
        lines = [
            b"%b%d%b%b}\n" % (start, record.offset(), between, value)
            for record, value in zip(records, values, strict=False)
        ]
        _append(self.files[topic], b"".join(lines))
        self.pace.occupy(topic)
        return len(lines)

    def write_dead_letter(self, record: Record, reason: str) -> None:
        """Append a poison record, with the reason, to the dead letters."""
        where = {"topic": record.topic(), "partition": record.partition(), "offset": record.offset()}
        text = (record.value() or b"").decode("utf-8", "backslashreplace")
        line = _dumped({**where, "delivered_ms": now_ms(), "reason": reason, "value": text}) + b"\n"
        truncate_partial_line(self._dead_letters)
        with self._dead_letters.open("ab", buffering=0) as file:
            _append(file, line)
        self.pace.occupy(record.topic())

    def close(self) -> None:
        for file in self.files.values():
            file.close()

    def __enter__(self) -> "FileSink":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _one_line(value: bytes) -> bytes:
    """These bytes as JSON on one line, unchanged if possible.

    A value in Avro is decoded. All that orjson accepts is accepted by json with the same result, except for
    very deep nesting. If orjson rejects the value, json decides: it also accepts NaN, lone surrogates and
    UTF-16. Raises ValueError, RecursionError.
    """
    deep = len(value) > LONGEST_UNCOUNTED_BYTES and value.count(b"[") + value.count(b"{") > MOST_BRACKETS
    if value.startswith(MAGIC):
        with contextlib.suppress(ValueError):
            return _dumped(decode(value))
    # A raw line break can only stand between tokens; within strings it is escaped.
    if not deep and b"\n" not in value and b"\r" not in value:
        try:
            orjson.loads(value)
        except orjson.JSONDecodeError:
            pass
        else:
            return value
    return _dumped(json.loads(value))


def _dumped(data: object) -> bytes:
    # JSON may hold a lone surrogate ("\\ud800"), which is read back as it was sent.
    return dump(data).encode(errors="surrogatepass")


def _append(file: FileIO, lines: bytes) -> None:
    """Write all lines. A disk that fills up takes some of them before a write fails."""
    written = 0
    try:
        while written < len(lines):
            written += file.write(memoryview(lines)[written:])
    except OSError as error:
        whole = lines[:written].count(b"\n")
        raise UnwrittenError(unwritable(str(file.name), error), whole) from None
