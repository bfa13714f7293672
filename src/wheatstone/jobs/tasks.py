"""What every step wants of a task: its photo, its turn, where its files lie, and what names its result."""

from __future__ import annotations

from wheatstone.jobs.cache import result_key
from wheatstone.jobs.photos import photo_key
from wheatstone.jobs.services import Services
from wheatstone.pictures import Photo
from wheatstone.storage import TASKS, NewTask, Task

_PRIORITY_S = 1e9
"""What a step of priority is worth in seconds of waiting: more than anybody waits."""


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
