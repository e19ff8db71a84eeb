"""Files handed in through the run's topic, and written back byte for byte by whoever judges.

A file goes as chunks, each with its position. Handing it in again goes on where it ended; a chunk that
stands there twice is the same. The last chunk says how long the file is, and the CRC-32 of all of it.
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
# A recording has some MB; what is far more is somebody else's topic, or meant to fill a disk.
MOST_BYTES = 8 * 1024**3
MOST_NAME_CHARACTERS = 400


@dataclass
class Received:
    """A file of a run as far as it has come: its bytes so far, and those of the whole once that is known."""

    received: int = 0
    total: int | None = None
    crc: int = 0

    @property
    def is_whole(self) -> bool:
        """Nothing of it is missing."""
        return self.received == self.total


def push(topic: RunTopic, run_id: str, files: Iterable[tuple[Path, str]]) -> int:
    """Hand in files of a run under these names, and return how many bytes that took.

    What of them has been handed in is compared, and not sent again. Raises HistoryError for a file that
    is another one than the one handed in, and ClusterError.
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
    """From this position on, which a chunk that was handed in may end at."""
    size, begun = path.stat().st_size, position
    crc = _crc_of(path, position)
    with path.open("rb") as file:
        file.seek(position)
        while True:
            chunk = file.read(min(CHUNK_BYTES, size - position))
            crc = zlib.crc32(chunk, crc)
            told = {"position": str(position)}
            position += len(chunk)
            is_last = position >= size or not chunk
            if is_last:
                told |= {"size": str(position), "crc32": str(crc)}
            topic.tell_chunk(key, chunk, told)
            if is_last:
                return position - begun


def pull(topic: RunTopic, run_id: str, folder: Path) -> list[str]:
    """Write every file of a run into the folder; the names of those of which something is missing.

    Raises HistoryError for names and positions that no part of a run would have told.
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
        if sum(one.received for one in files.values()) + len(chunk) > MOST_BYTES:
            raise HistoryError(f"run {run_id}: more than {MOST_BYTES:,} bytes were handed in")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() and state.received else "wb") as file:
            file.seek(position)
            file.write(chunk)
        _count(state, chunk, headers)
    for name, state in files.items():
        if state.is_whole and _crc_of(folder / name, state.received) != state.crc:
            raise HistoryError(f"{folder / name}: is not what was handed in (its CRC-32 differs)")
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
    """The name, which whoever can write to the topic has chosen, if it stays within the folder."""
    path = PurePosixPath(name)
    short = len(name) <= MOST_NAME_CHARACTERS and name.isprintable() and "\\" not in name
    if not short or path.is_absolute() or not path.parts or ".." in path.parts or str(path) != name:
        raise HistoryError(f"{quoted(name)} is not the name of a file of a recording")
    return path


def _crc_of(path: Path, size: int) -> int:
    """Of the first so many bytes."""
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(min(CHUNK_BYTES, size)):
            crc = zlib.crc32(piece, crc)
            size -= len(piece)
    return crc
