"""Folders for temporary files; one that a killed process has left is swept when the next is made."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wheatstone.locks import lock

_LOCK = ".lock"
_YOUNG_S = 60
"""A folder younger than this may not have locked itself yet."""


@contextmanager
def scratch_dir(name: str) -> Iterator[Path]:
    """A folder that goes with the block, or with the process of a later one if this is killed."""
    _sweep(name)
    with (
        tempfile.TemporaryDirectory(prefix=f"wheatstone-{name}-", ignore_cleanup_errors=True) as folder,
        lock(Path(folder, _LOCK)),
    ):
        yield Path(folder)


def _sweep(name: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"wheatstone-{name}-*"):
        with contextlib.suppress(OSError):  # it is in use, or gone by now
            state = folder.lstat()
            is_ours = sys.platform == "win32" or state.st_uid == os.getuid()
            if is_ours and time.time() - state.st_mtime > _YOUNG_S and (folder / _LOCK).is_file():
                with lock(folder / _LOCK, wait=False):
                    shutil.rmtree(folder)
