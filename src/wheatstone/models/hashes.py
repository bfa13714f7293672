"""SHA-256 of weights, computed once: remembered by path, size and time in the cache folder."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path

from wheatstone.errors import CheckpointUnavailableError, reason
from wheatstone.files import atomic_write

_log = logging.getLogger(__name__)

_FILE = "hashes.json"
_lock = threading.Lock()
_known: dict[str, list[int | str]] = {}
"""Path to size in bytes, time in nanoseconds and SHA-256; as in the file, unless that cannot be written."""


def weights_sha256(path: Path, cache_dir: Path) -> str:
    """SHA-256 of a file, in hexadecimal; read again only when its size or time has changed.

    Whoever asks meanwhile waits, for any file.

    Raises:
        CheckpointUnavailableError: the file cannot be read.
    """
    name = str(path.resolve())
    with _lock:
        try:
            found = path.stat()
            state = [found.st_size, found.st_mtime_ns]
            if _known.get(name, [])[:2] != state:
                _known.update(_load(cache_dir / _FILE))
            if _known.get(name, [])[:2] != state:
                with path.open("rb") as file:
                    _known[name] = [*state, hashlib.file_digest(file, "sha256").hexdigest()]
                _save(cache_dir / _FILE)
        except OSError as error:
            raise CheckpointUnavailableError(f"{path} cannot be read: {reason(error)}.") from error
        return str(_known[name][2])


def _load(path: Path) -> dict[str, list[int | str]]:
    """What the file holds; nothing if it is not there or not ours: then files are read once more."""
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    entries = table.items() if isinstance(table, dict) else ()
    return {name: entry for name, entry in entries if isinstance(entry, list) and len(entry) == 3}


def _save(path: Path) -> None:
    try:
        with atomic_write(path) as file:
            file.write(json.dumps({**_load(path), **_known}).encode())
    except OSError as error:
        _log.info("%s cannot be written; weights will be read again at the next start: %s", path, reason(error))
