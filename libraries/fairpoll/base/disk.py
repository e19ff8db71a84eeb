"""What is said when files cannot be written."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from fairpoll.base.errors import FairpollError

# A disk with less room than this takes no further line of evidence, or the next one not whole.
FULL_BYTES = 16_384


def unwritable(path: Path | str, error: OSError) -> str:
    """One sentence on why this file or folder cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: disk full ({error.strerror})"
    return f"{path}: cannot be written: {error.strerror}"


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Of the block within, raise FairpollError for what cannot be written, and name a disk that is full."""
    try:
        yield
    except OSError as error:
        raise FairpollError(unwritable(error.filename or folder, error)) from error
    except FairpollError as error:
        if shutil.disk_usage(folder).free >= FULL_BYTES:
            raise
        # Whatever went wrong first: whoever it was could not write its own log either.
        raise FairpollError(f"{folder}: disk full; {error}") from error
