"""What every step wants of a task: its photo, its turn, its files, its result, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from wheatstone.jobs.cache import result_key
from wheatstone.jobs.photos import photo_key
from wheatstone.jobs.services import Services
from wheatstone.pictures import Photo
from wheatstone.storage import TASKS, Artifact, NewTask, Status, Task

_PRIORITY_S = 1e9
"""What a step of priority is worth in seconds of waiting: more than anybody waits."""


_MEDIA_TYPES = {
    ".glb": "model/gltf-binary",
    ".json": "application/json",
    ".png": "image/png",
    ".webp": "image/webp",
    ".zip": "application/zip",
}


def media_type_of(name: str) -> str:
    """The MIME type of a file of this name."""
    return _MEDIA_TYPES.get(PurePath(name).suffix, "application/octet-stream")


def artifact_of(services: Services, task_id: str, name: str) -> Artifact:
    """A task's file as its artifact.

    Raises:
        FileNotFoundError: it is not there.
    """
    key = task_key(task_id, name)
    found = services.objects.find(key)
    if found is None:
        raise FileNotFoundError(key)
    return Artifact(name, key, media_type_of(name), found.size_bytes)


def complete(
    services: Services, task: Task, artifacts: Sequence[Artifact], facts: dict[str, Any], key: str | None
) -> None:
    """Keep a task's result for equal ones, unless `key` is None; then the task is completed."""
    if key and key == cache_key(services, task):  # else weights were fetched meanwhile
        services.cache.put(key, facts, {made.name: made.key for made in artifacts})
    services.move(task.id, Status.COMPLETED, artifacts=artifacts, facts=facts)


def task_key(task_id: str, name: str) -> str:
    """Where a task's file lies."""
    return f"{TASKS}/{task_id}/{name}"


def photo_of(services: Services, task: Task) -> Photo:
    """The photo that a task is about."""
    path = services.objects.path(photo_key(task.photo_sha256))
    return Photo(path, task.source_name or "The picture", task.f_px, services.settings.pictures)


def cache_key(services: Services, task: Task | NewTask) -> str:
    """What names the task's result for equal ones; raises as `result_key`."""
    return result_key(task.kind, task.photo_sha256, task.f_px, task.model, services.settings)


def rank_of(task: Task) -> float:
    """Of those that wait for a device, the lowest goes first."""
    return task.created_at.timestamp() - _PRIORITY_S * task.priority
