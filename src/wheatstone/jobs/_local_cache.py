"""Results kept in the object store: files under `cache/<key>/`, and a table of them in memory.

An entry's files share their space on disk with those of the task that made them. `entry.json` is written last, so
an entry is whole or absent; its time says when the entry was last used, so that a restart forgets no order.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from wheatstone.errors import WheatstoneError, reason
from wheatstone.storage import CACHE, ObjectStore

_log = logging.getLogger(__name__)

_ENTRY = "entry.json"
_OURS = re.compile(rf"{CACHE}/([0-9a-f]{{64}})/[^/]+")


class _Entry(BaseModel, frozen=True):
    """What `entry.json` holds: facts of the result, and its files' sizes in bytes by name."""

    facts: dict[str, Any]
    sizes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """A result, copied for a request.

    Attributes:
        facts: plain JSON, as they were put.
        names: of the files that were copied, in the order in which they were put.
    """

    facts: dict[str, Any]
    names: list[str]


class LocalCache:
    """Entries up to a number and a size, those unused for longest going first; may be called from any thread."""

    def __init__(self, objects: ObjectStore, *, max_entries: int, max_bytes: int) -> None:
        """Take over what a last run left, without what is not whole."""
        self._objects = objects
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self._sizes: OrderedDict[str, dict[str, int]] = OrderedDict()  # the one used last at the end
        self._load()

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._sizes)

    @property
    def size_bytes(self) -> int:
        """What all entries' files hold."""
        with self._lock:
            return sum(sum(sizes.values()) for sizes in self._sizes.values())

    def give(self, key: str, names: Collection[str], target: Callable[[str], str], *, others: bool) -> Kept | None:
        """Copy files of an entry to keys of the object store.

        Args:
            key: of the entry.
            names: of the files that are wanted.
            target: says where the file of a name is to lie.
            others: copy what else the entry has, too.

        Returns:
            None, and nothing copied, if there is no such entry with all of these files, or it is damaged; it is
            gone then.

        Raises:
            StorageFullError: no space is left.
        """
        with self._lock:
            if key not in self._sizes or not set(names) <= self._sizes[key].keys():
                return None
            targets = {name: target(name) for name in self._sizes[key] if others or name in names}
            try:
                entry = self._read(key)
                for name, place in targets.items():
                    self._objects.copy(_key(key, name), place)
            except (FileNotFoundError, ValueError) as error:
                _log.warning("a kept result is damaged and is deleted: %s", reason(error))
                self._objects.delete(list(targets.values()))
                self._delete(key)
                return None
            except WheatstoneError:
                self._objects.delete(list(targets.values()))
                raise
            self._sizes.move_to_end(key)
            os.utime(self._objects.path(_key(key, _ENTRY)))
            return Kept(entry.facts, list(targets))

    def put(self, key: str, facts: Mapping[str, Any], sources: Mapping[str, str]) -> None:
        """Keep a result, unless it alone is over the limit; one with these files that is there already stays.

        Args:
            key: of the entry.
            facts: plain JSON.
            sources: name of each file to the key where it lies now.

        Raises:
            FileNotFoundError: one of them is not there.
            StorageFullError: no space is left.
        """
        with self._lock:
            if key in self._sizes and sources.keys() <= self._sizes[key].keys():
                self._sizes.move_to_end(key)
                return
            self._delete(key)
            try:
                for name, source in sources.items():
                    self._objects.copy(source, _key(key, name))
                sizes = {name: self._objects.path(_key(key, name)).stat().st_size for name in sources}
                if sum(sizes.values()) > self._max_bytes:
                    self._delete(key)
                    return
                entry = json.dumps({"facts": dict(facts), "sizes": sizes})
                self._objects.put(_key(key, _ENTRY), entry.encode())
            except (OSError, WheatstoneError):
                self._delete(key)
                raise
            self._sizes[key] = sizes
            self._shrink()

    def look(self, key: str) -> tuple[dict[str, Any], dict[str, Path]] | None:
        """Facts and files of an entry, by name, which may vanish at any moment; None if it is not there."""
        with self._lock:
            if key not in self._sizes:
                return None
            paths = {name: self._objects.path(_key(key, name)) for name in self._sizes[key]}
            return self._read(key).facts, paths

    def clear(self) -> None:
        """Delete all entries."""
        with self._lock:
            self._sizes.clear()
            self._objects.delete([key for key in self._objects.keys(CACHE) if _OURS.fullmatch(key)])

    def _read(self, key: str) -> _Entry:
        """An entry whose files are all there.

        Raises:
            FileNotFoundError: they are not.
            ValueError: they are of other sizes, or `entry.json` is no such thing.
        """
        entry = _Entry.model_validate_json(self._objects.path(_key(key, _ENTRY)).read_bytes())
        for name, size_bytes in entry.sizes.items():
            found_bytes = self._objects.path(_key(key, name)).stat().st_size
            if found_bytes != size_bytes:
                raise ValueError(f"{name} has {found_bytes:,} bytes instead of {size_bytes:,}")
        return entry

    def _load(self) -> None:
        found: list[tuple[int, str, dict[str, int]]] = []
        keys = {match[1] for name in self._objects.keys(CACHE) if (match := _OURS.fullmatch(name))}
        for key in keys:
            try:
                sizes = self._read(key).sizes
                used_ns = self._objects.path(_key(key, _ENTRY)).stat().st_mtime_ns
            except (FileNotFoundError, ValueError) as error:
                _log.info("a kept result is not whole and is deleted: %s", reason(error))
                self._delete(key)
            else:
                found.append((used_ns, key, sizes))
        self._sizes.update((key, sizes) for _, key, sizes in sorted(found))
        self._shrink()

    def _shrink(self) -> None:
        held_bytes = self.size_bytes
        while len(self._sizes) > self._max_entries or held_bytes > self._max_bytes:
            key, sizes = next(iter(self._sizes.items()))
            held_bytes -= sum(sizes.values())
            self._delete(key)

    def _delete(self, key: str) -> None:
        """Delete an entry; `entry.json` first, so that what a kill leaves is not whole."""
        self._sizes.pop(key, None)
        self._objects.delete([_key(key, _ENTRY), *self._objects.keys(f"{CACHE}/{key}")])


def _key(key: str, name: str) -> str:
    return f"{CACHE}/{key}/{name}"
