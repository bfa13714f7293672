"""Files that are whole or absent: written beside their final name, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from wheatstone.errors import OutputExistsError


@contextmanager
def atomic_write(path: Path, *, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file in `path`'s folder for writing; rename it to `path` when the block succeeds.

    After an error, or a kill, `path` is as it was before.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is false.
    """
    if not overwrite and path.exists():
        raise OutputExistsError(f"{path} exists already; pass --overwrite to replace it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.urandom(8).hex()}.part")  # a name of its own: `path`'s may be of full length
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def to_json(facts: dict[str, Any]) -> bytes:
    """The content of a file for people and programs."""
    return json.dumps(facts, ensure_ascii=False, indent=2).encode() + b"\n"
