"""What the step from a photo of an object to a mesh does: every part is the task's the moment it exists."""

from __future__ import annotations

from pathlib import PurePath

from wheatstone.jobs.services import Services
from wheatstone.jobs.tasks import photo_of, rank_of, task_key
from wheatstone.models.registry import mesh_model_named
from wheatstone.models.roles import Part
from wheatstone.stages import Stages
from wheatstone.storage import Artifact, Status, Task

_MEDIA_TYPES = {
    ".glb": "model/gltf-binary",
    ".png": "image/png",
    ".webp": "image/webp",
    ".zip": "application/zip",
}


def media_type_of(name: str) -> str:
    """The MIME type of a part of this name."""
    return _MEDIA_TYPES.get(PurePath(name).suffix, "application/octet-stream")


def reconstruct(services: Services, task: Task, stages: Stages) -> None:
    """Photo to parts; a task that was cut off makes them again, and those who follow it hear of each once."""
    if task.status is Status.COMPLETED:  # it was cut off after that
        return
    info = mesh_model_named(task.model, services.settings).info
    made: list[Artifact] = []

    def deliver(part: Part) -> None:
        key = task_key(task.id, part.name)
        artifact = Artifact(part.name, key, media_type_of(part.name), len(part.data))
        services.objects.put(key, part.data)
        services.add_artifact(task.id, artifact)
        made.append(artifact)

    services.executor.reconstruct_mesh(info.name, photo_of(services, task), stages, deliver, rank=rank_of(task))
    facts = {"model": info.name, "label": info.label, "licence": info.licence, "seconds": stages.seconds}
    services.move(task.id, Status.COMPLETED, artifacts=made, facts=facts)
