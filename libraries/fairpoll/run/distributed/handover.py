"""Sends files through the run's topic, and writes them byte for byte on the machine that judges.

A file is sent in chunks, each with its position. Handing it in again sends the rest; duplicate chunks are
harmless. The last chunk has the size of the file and its CRC-32.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fairpoll.base.errors import HistoryError
from fairpoll.base.text import quoted
from fairpoll.run.distributed.run_topic import RunTopic

# Well below the million bytes that brokers take by default, also where it does not compress.
CHUNK_BYTES = 512 * 1024
# A recording has some MB; far more is a mistake, or an attempt to fill the disk.
MOST_BYTES = 8 * 1024**3
MOST_NAME_CHARACTERS = 400


@dataclass
class Received:
    """The state of a file that is being received: bytes so far, total size once it is known."""

    received: int = 0
    total: int | None = None
    crc: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all bytes have been received."""
        return self.received == self.total


def push(topic: RunTopic, run_id: str, files: Iterable[tuple[Path, str]]) -> int:
    """Hand in files of a run under these names, and return the number of bytes sent.

    Bytes that were handed in before are compared, not sent again. Raises HistoryError for a file that
    differs from the one handed in, and ClusterError.
    """
    wanted = {f"{run_id}/{name}": path for path, name in files}
    there: dict[str, Received] = {}
    for key, chunk, headers in topic.chunks():
        if key not in wanted:
            continue
        state = there.setdefault(key, Received())
        with wanted[key].open("rb") as file:
            file.seek(_number(headers, "position"))
            if file.read(len(chunk)) != chunk:
                raise HistoryError(f"{wanted[key]}: another file was handed in as {quoted(key)}")
        _count(state, chunk, headers)
    sent = 0
    for key, path in wanted.items():
        state = there.get(key, Received())
        if state.is_whole and state.total == path.stat().st_size:
            continue
        sent += _send(topic, key, path, state.received)
    return sent


def _send(topic: RunTopic, key: str, path: Path, position: int) -> int:
    """Send the file from this position on, and return the number of bytes sent."""
    size, begun = path.stat().st_size, position
    crc = _crc_of(path, position)
    with path.open("rb") as file:
        file.seek(position)
        while True:
            chunk = file.read(min(CHUNK_BYTES, size - position))
            crc = zlib.crc32(chunk, crc)
            headers = {"position": str(position)}
            position += len(chunk)
            is_last = position >= size or not chunk
            if is_last:
                headers |= {"size": str(position), "crc32": str(crc)}
            topic.publish_chunk(key, chunk, headers)
            if is_last:
                return position - begun


def pull(topic: RunTopic, run_id: str, folder: Path) -> list[str]:
    """Write every file of a run into the folder; return the names of incomplete files.

    Raises HistoryError for names and positions that no part of a run would send.
    """
    files: dict[str, Received] = {}
    for key, chunk, headers in topic.chunks():
        if not key.startswith(f"{run_id}/"):
            continue
        name = key.removeprefix(f"{run_id}/")
        path = folder / _checked(name)
        state = files.setdefault(name, Received())
        position = _number(headers, "position")
        if position > state.received:
            raise HistoryError(f"{path}: nothing was handed in between {state.received:,} and {position:,}")
        if sum(file.received for file in files.values()) + len(chunk) > MOST_BYTES:
            raise HistoryError(f"run {run_id}: more than {MOST_BYTES:,} bytes were handed in")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() and state.received else "wb") as file:
            file.seek(position)
            file.write(chunk)
        _count(state, chunk, headers)
    for name, state in files.items():
        if state.is_whole and _crc_of(folder / name, state.received) != state.crc:
            raise HistoryError(f"{folder / name}: differs from the file that was handed in (by its CRC-32)")
    return sorted(name for name, state in files.items() if not state.is_whole)


def _count(state: Received, chunk: bytes, headers: dict[str, str]) -> None:
    state.received = max(state.received, _number(headers, "position") + len(chunk))
    if "size" in headers:
        state.total, state.crc = _number(headers, "size"), _number(headers, "crc32")


def _number(headers: dict[str, str], name: str) -> int:
    text = headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise HistoryError(f"a chunk's {name} is {quoted(text)}, not a number")
    return int(text)


def _checked(name: str) -> PurePosixPath:
    """The name, if it stays within the folder: anybody can write to the topic. Raises HistoryError."""
    path = PurePosixPath(name)
    short = len(name) <= MOST_NAME_CHARACTERS and name.isprintable() and "\\" not in name
    if not short or path.is_absolute() or not path.parts or ".." in path.parts or str(path) != name:
        raise HistoryError(f"{quoted(name)} is not the name of a file of a recording")
    return path


def _crc_of(path: Path, size: int) -> int:
    """CRC-32 of the first `size` bytes."""
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(min(CHUNK_BYTES, size)):
            crc = zlib.crc32(piece, crc)
            size -= len(piece)
    return crc
