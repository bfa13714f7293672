"""What the steps from a photo of an object to a mesh do: every part is the task's the moment it exists."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from wheatstone.errors import BadMeshError, ChildCrashedError
from wheatstone.files import to_json
from wheatstone.jobs.services import Services
from wheatstone.jobs.tasks import artifact_of, cache_key, complete, photo_of, rank_of, task_key
from wheatstone.models.registry import mesh_model_named
from wheatstone.models.roles import MESH_PARTS, METADATA, OBJECT, Part
from wheatstone.stages import Stages
from wheatstone.storage import Artifact, NewTask, Result, Status, Task

_log = logging.getLogger(__name__)

POSTER = "poster.webp"
"""A picture of the mesh, drawn unless the model made one itself."""


def kept_result(services: Services, task: Task | NewTask, *, again: bool = False) -> Result | None:
    """As `splats.kept_result`: with all the parts that the equal task has made."""
    names = [*MESH_PARTS, *([] if task.attended else [POSTER, METADATA])]
    target = partial(task_key, task.id)
    kept = services.cache.give(cache_key(services, task), names, target, others=True, again=again)
    if kept is None:
        return None
    artifacts = tuple(artifact_of(services, task.id, name) for name in kept.names)
    return Result(artifacts, {**kept.facts, "cache_hit": True, "seconds": {}}, comes_in_parts=True)


def reconstruct(services: Services, task: Task, stages: Stages) -> dict[str, Any] | None:
    """Photo to parts; returns what is known of them, for `finish`. None if the task is completed.

    A task that was cut off makes them again, and those who follow it hear of each once.
    """
    if task.status is Status.COMPLETED:  # it was cut off after that
        return None
    key = None
    if services.settings.cache.enabled and not task.attended:  # nothing of one that is attended stays
        key = cache_key(services, task)
        services.flights.join(key, task.id, stages.cancellation)
        if result := kept_result(services, task, again=True):
            for artifact in result.artifacts:
                services.add_artifact(task.id, artifact)
            services.move(task.id, Status.COMPLETED, artifacts=result.artifacts, facts=result.facts)
            return None
    info = mesh_model_named(task.model, services.settings).info
    made: list[str] = []

    def deliver(part: Part) -> None:
        _add(services, task.id, part)
        made.append(part.name)

    services.executor.reconstruct_mesh(info.name, photo_of(services, task), stages, deliver, rank=rank_of(task))
    facts = {"model": info.name, "label": info.label, "licence": info.licence, "seconds": stages.seconds}
    if task.attended:  # whoever attends it waits for its parts, and looks at nothing else
        complete(services, task, _artifacts(services, task, made), facts, None)
        return None
    return {"names": made, "facts": facts, "cache_key": key}


def finish(services: Services, task: Task, stages: Stages, reconstructed: dict[str, Any]) -> None:
    """Add a picture and `metadata.json`; the task is then completed, its result kept for equal ones."""
    if task.status is Status.COMPLETED:  # it was cut off after that
        return
    names, facts = list(reconstructed["names"]), dict(reconstructed["facts"])
    if POSTER not in names and OBJECT in names:
        with tempfile.TemporaryDirectory(dir=services.work_dir) as folder:
            poster = Path(folder, POSTER)
            arguments = {"zip": str(services.objects.path(task_key(task.id, OBJECT))), "poster": str(poster)}
            try:
                facts |= services.finishers.call("draw_mesh", arguments, stages)
            except (BadMeshError, ChildCrashedError) as error:  # its parts are good all the same
                _log.warning("task %s: what %s made cannot be drawn: %s", task.id, facts["model"], error)
            else:
                _add(services, task.id, Part(POSTER, poster.read_bytes()))
                names.append(POSTER)
    facts["seconds"] = {**facts["seconds"], **stages.seconds}
    _add(services, task.id, Part(METADATA, to_json(facts)))
    complete(services, task, _artifacts(services, task, [*names, METADATA]), facts, reconstructed["cache_key"])


def _add(services: Services, task_id: str, part: Part) -> None:
    services.objects.put(task_key(task_id, part.name), part.data)
    services.add_artifact(task_id, artifact_of(services, task_id, part.name))


def _artifacts(services: Services, task: Task, names: Sequence[str]) -> list[Artifact]:
    return [artifact_of(services, task.id, name) for name in dict.fromkeys(names)]
