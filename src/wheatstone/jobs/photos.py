"""The photos that tasks are about, each kept once, by its content, as long as a task needs it."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from wheatstone.storage import PHOTOS, ObjectStore, TaskStore

_OURS = re.compile(rf"{PHOTOS}/([0-9a-f]{{64}})")


def photo_key(sha256: str) -> str:
    """Where the photo with this content lies."""
    return f"{PHOTOS}/{sha256}"


class PhotoShelf:
    """Stores photos; may be used from any thread."""

    def __init__(self, tasks: TaskStore, objects: ObjectStore) -> None:
        self._tasks = tasks
        self._objects = objects
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def holding(self, content: bytes) -> Iterator[str]:
        """Store a photo and hold it until a task needs it; yields its SHA-256.

        Raises:
            StorageFullError: no space is left.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        with self._lock:
            self._held[sha256] += 1
        try:
            if self._objects.find(photo_key(sha256)) is None:
                self._objects.put(photo_key(sha256), content)
            del content  # a batch holds hundreds of photos at once
            yield sha256
        finally:
            with self._lock:
                self._held -= Counter([sha256])

    def delete_unused(self, photos: Collection[str] | None = None) -> None:
        """Delete those of these photos (SHA-256), or of all, that no task needs."""
        if photos is None:
            ours = (_OURS.fullmatch(key) for key in self._objects.keys(PHOTOS))
            photos = {match[1] for match in ours if match}
        with self._lock:  # nobody begins to hold one meanwhile
            unused = set(photos) - self._tasks.photos_in_use(photos) - set(self._held)
            self._objects.delete([photo_key(sha256) for sha256 in unused])
