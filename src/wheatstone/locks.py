"""Locks between processes: held on an open file, freed by the system when the holder ends, however it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_POLL_S = 0.1

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:  # held by another
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # held by another
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock on the file `path`, made if need be; waits while another process or thread holds it.

    The file stays, empty: deleting it would let two holders in.

    Raises:
        BlockingIOError: another holds it, and `wait` is false.
        OSError: the file cannot be made, or its file system knows no locks.
    """
    with path.open("wb") as file:
        while not _try_lock(file):
            if not wait:
                raise BlockingIOError(f"{path} is locked by another process")
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            _unlock(file)
