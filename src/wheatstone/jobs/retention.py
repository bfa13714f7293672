"""How long results are kept: by age, and by how much they take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wheatstone.settings import StorageSettings
from wheatstone.storage import Task


def expired(ended: list[Task], settings: StorageSettings) -> list[Task]:
    """Of tasks that have ended, the first to end first: those that are too old, or for which there is no room."""
    found: list[Task] = []
    if settings.max_age_days is not None:
        oldest = datetime.now(UTC) - timedelta(days=settings.max_age_days)
        found = [task for task in ended if task.finished_at is not None and task.finished_at < oldest]
    if settings.max_bytes is not None:
        kept = ended[len(found) :]
        held_bytes = sum(_size_bytes(task) for task in kept)
        for task in kept:
            if held_bytes <= settings.max_bytes:
                break
            held_bytes -= _size_bytes(task)
            found.append(task)
    return found


def _size_bytes(task: Task) -> int:
    """What a task takes; a photo that several share counts for each."""
    return task.photo_bytes + sum(artifact.size_bytes for artifact in task.artifacts)
