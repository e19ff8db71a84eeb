"""Writes down the records that were seen in a sink, one JSON object on each line."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from fairpoll.base.disk import unwritable
from fairpoll.base.errors import ConsumerError
from fairpoll.contract.output_fields import Fields, pick
from fairpoll.evidence import layout

MEMBERS = (layout.FIRST_MEMBER, layout.SECOND_MEMBER)


class Seen:
    """Writes the records of one run to `seen.jsonl` in the consumer's folder, from any thread.

    `records` counts those written, `foreign` those of other runs, and `unnamed` those without what `fields`
    names: neither is written.
    """

    def __init__(self, folder: Path, run_id: str, fields: Fields) -> None:
        self._folder, self._fields = folder, fields
        self._prefix = f"{run_id}:"
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._files: dict[str, Any] = {}
        self.records = self.foreign = self.unnamed = 0
        self._example = ""

    def add(self, record: Mapping[str, Any], at_ms: float, member: str = layout.FIRST_MEMBER) -> None:
        """Write a record with the time (milliseconds since the epoch) at which the sink had it.

        Raises ConsumerError if it cannot be written.
        """
        line = {"delivered_ms": at_ms, **record}
        with self._lock:
            if not self._is_named(line):
                self.unnamed += 1
                self._example = self._example or ", ".join(map(str, record))
            elif self._fields.id and not str(pick(line, self._fields.id)).startswith(self._prefix):
                self.foreign += 1
            else:
                self._write(member, line)
                self.records += 1

    def topic_of(self, record: Mapping[str, Any]) -> str:
        """The scenario's topic that the id of the record names; "" without one."""
        try:
            parts = str(pick(record, self._fields.id)).split(":") if self._fields.id else []
        except KeyError:
            parts = []
        return parts[1] if len(parts) > 2 else ""

    @property
    def named_by(self) -> list[str]:
        """The fields of a record by which its message is known."""
        return [self._fields.id] if self._fields.id else _places(self._fields)

    def _is_named(self, line: Mapping[str, Any]) -> bool:
        try:
            found = [pick(line, path) for path in self.named_by]
        except KeyError:
            return False
        return all(one is not None and one != "" for one in found)

    def _write(self, member: str, line: Mapping[str, Any]) -> None:
        try:
            self._open(member).write(orjson.dumps(line, default=str) + b"\n")
        except OSError as error:
            raise ConsumerError(unwritable(error.filename or self._folder, error)) from None

    def _open(self, member: str) -> Any:
        if member not in self._files:
            folder = self._folder / (member if member == layout.SECOND_MEMBER else "")
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / layout.SEEN).open("ab", buffering=0)
            self._files[member] = self._stack.enter_context(file)
        return self._files[member]

    def check(self) -> None:
        """Raise ConsumerError if there were records and none could be attributed to a message."""
        if self.unnamed and not self.records:
            wanted = " and ".join(self.named_by)
            raise ConsumerError(
                f"none of the {self.unnamed:,} records that were seen in the sink has {wanted}; the first "
                f"has {self._example or 'nothing'}. Map the fields with CONSUMER_FIELDS, such as "
                "id=value.order.id"
            )

    def __enter__(self) -> "Seen":
        """An empty file is evidence, too: nothing was delivered."""
        self._open(layout.FIRST_MEMBER)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _places(fields: Fields) -> list[str]:
    return [fields.topic, fields.partition, fields.offset]
