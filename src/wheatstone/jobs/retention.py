"""How long results are kept: by age, and by how much they take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wheatstone.jobs.splats import photo_key
from wheatstone.settings import StorageSettings
from wheatstone.storage import ObjectStore, Task, TaskStore


def delete_expired(tasks: TaskStore, objects: ObjectStore, settings: StorageSettings) -> list[str]:
    """Delete ended tasks, their files and their photos, as the settings ask; returns the tasks' ids."""
    if settings.max_age_days is None and settings.max_bytes is None:
        return []
    expired = _expired(tasks.ended(), settings)
    if not expired:
        return []
    ids = [task.id for task in expired]
    photos = {task.photo_sha256 for task in expired}
    tasks.delete(ids)
    unused = photos - tasks.photos_in_use(photos)
    results = [artifact.key for task in expired for artifact in task.artifacts]
    objects.delete([*results, *(photo_key(sha256) for sha256 in unused)])
    return ids


def _expired(ended: list[Task], settings: StorageSettings) -> list[Task]:
    """Those that are too old and, while the rest takes too much, those that ended first."""
    expired: list[Task] = []
    if settings.max_age_days is not None:
        oldest = datetime.now(UTC) - timedelta(days=settings.max_age_days)
        expired = [task for task in ended if task.finished_at is not None and task.finished_at < oldest]
    if settings.max_bytes is not None:
        kept = ended[len(expired) :]
        held_bytes = sum(_size_bytes(task) for task in kept)
        for task in kept:
            if held_bytes <= settings.max_bytes:
                break
            held_bytes -= _size_bytes(task)
            expired.append(task)
    return expired


def _size_bytes(task: Task) -> int:
    """What a task takes; a photo that several share counts for each."""
    return task.photo_bytes + sum(artifact.size_bytes for artifact in task.artifacts)
