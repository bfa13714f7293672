"""Caches as servers have them, each with a folder of its own, and results to put into them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from wheatstone.jobs.cache import ResultCache
from wheatstone.settings import CacheSettings, RedisSettings, Settings
from wheatstone.storage import ObjectStore

FACTS = {"model": "relief", "camera": None, "seconds": {"matte": 0.5}, "label": "ümläut"}


def key(number: int | str) -> str:
    """A key as `result_key` makes them."""
    return hashlib.sha256(str(number).encode()).hexdigest()


class House:
    """A server's store and cache.

    Attributes:
        objects: the store.
        cache: the cache.
    """

    def __init__(self, folder: Path, url: str = "", **cache: Any) -> None:
        self._folder = folder
        self._settings = Settings(
            cache=CacheSettings(**cache),
            redis=RedisSettings(enabled=bool(url), url=url or "redis://localhost"),
        )
        (folder / "work").mkdir(parents=True)
        self._open()

    def _open(self) -> None:
        self.objects = ObjectStore(self._folder)
        self.cache = ResultCache(self.objects, self._folder / "work", self._settings)

    def restart(self, **cache: Any) -> None:
        """Open the same folder again."""
        self.cache.close()
        self._settings = self._settings.model_copy(update={"cache": CacheSettings(**cache)})
        self.objects.delete_partial()
        self._open()

    def make(self, number: int, **files: bytes) -> None:
        """A task that computes a result and leaves it to the cache."""
        files = files or {"sog": b"scene", "poster": b"picture"}
        for name, content in files.items():
            self.objects.put(f"tasks/{number}/{name}", content)
        self.cache.put(key(number), FACTS, {name: f"tasks/{number}/{name}" for name in files})

    def ask(self, number: int, *names: str, others: bool = False, again: bool = False) -> dict[str, bytes] | None:
        """The files that a new task with an equal request gets; none if it must compute."""
        kept = self.cache.give(
            key(number), names or ("sog", "poster"), "tasks/new/{}".format, others=others, again=again
        )
        left = list(self.objects.keys("tasks/new"))
        if kept is None:
            assert left == []
            return None
        assert kept.facts == FACTS
        files = {name: self.objects.path(f"tasks/new/{name}").read_bytes() for name in kept.names}
        assert len(left) == len(files)
        self.objects.delete(left)
        return files

    def held(self, number: int, name: str) -> Path:
        """Where the cache has a file."""
        return self._folder / "cache" / key(number) / name

    @property
    def counts(self) -> tuple[int, int]:
        """Hits and misses."""
        return self.cache.statistics.hits, self.cache.statistics.misses
