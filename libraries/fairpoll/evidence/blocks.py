"""Large files, a block of whole lines at a time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Some ten thousand lines: enough to spread what numpy takes for each call, and they stay in the cache.
BLOCK_BYTES = 2 * 1024 * 1024
# Beyond a block's end, so that what is compared there is never out of reach.
PAD_BYTES = 16 * 1024
NEWLINE = ord("\n")


@dataclass
class Block:
    """Whole lines of a file: `starts` and `ends` (of their newlines) are places in `data`."""

    data: npt.NDArray[np.uint8]
    starts: Array
    ends: Array
    first_number: int

    def line(self, row: int) -> bytes:
        """This line, its newline with it."""
        return self.data[self.starts[row] : self.ends[row] + 1].tobytes()


def blocks(path: Path) -> Iterator[Block]:
    """The whole lines of a file; a cut-off last line is passed over. A block is gone with the next but one.

    While one block is looked at, the next is read.
    """
    number, rest = 1, np.empty(0, np.uint8)
    data, other = (np.zeros(BLOCK_BYTES + PAD_BYTES, np.uint8) for _ in range(2))
    with path.open("rb", buffering=0) as file, ThreadPoolExecutor(1) as ahead:

        def fill(into: npt.NDArray[np.uint8], begun: npt.NDArray[np.uint8]) -> tuple[int, int, Array]:
            into[: len(begun)] = begun
            size = file.readinto(into.data[len(begun) : -PAD_BYTES])
            filled = len(begun) + size
            return size, filled, np.flatnonzero(into[:filled] == NEWLINE)

        size, filled, ends = fill(data, rest)
        while size:
            rest = data[ends[-1] + 1 if len(ends) else 0 : filled].copy()
            if len(rest) >= len(other) - PAD_BYTES:  # one line fills it all
                other = np.zeros(2 * len(rest) + PAD_BYTES, np.uint8)
            following = ahead.submit(fill, other, rest)
            if len(ends):
                yield Block(data, np.concatenate(([0], ends[:-1] + 1)), ends, number)
                number += len(ends)
            data, other = other, data
            size, filled, ends = following.result()
