"""Errors for files that cannot be written."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from fairpoll.base.errors import FairpollError

# With less free space than this, the next line of evidence may not fit, or only in part.
FULL_BYTES = 16_384
FULL = "disk full"


def unwritable(path: Path | str, error: OSError) -> str:
    """One sentence on why this file or folder cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: {FULL} ({error.strerror})"
    return f"{path}: cannot be written: {error.strerror}"


def check_room(folder: Path) -> None:
    """Raise FairpollError if the disk with this folder is full."""
    if shutil.disk_usage(folder).free < FULL_BYTES:
        raise FairpollError(f"{folder}: {FULL}")


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn an OSError of the block into a FairpollError; say so if the disk is full."""
    try:
        yield
    except OSError as error:
        raise FairpollError(unwritable(error.filename or folder, error)) from error
    except FairpollError as error:
        if FULL in str(error) or shutil.disk_usage(folder).free >= FULL_BYTES:
            raise
        # The full disk may have caused any error, and kept its log from being written.
        raise FairpollError(f"{folder}: {FULL}; {error}") from error
