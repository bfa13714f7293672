"""What the steps from a photo to a splat do, each with the task's row at hand."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from wheatstone.jobs.services import Services
from wheatstone.models.registry import splat_model_named
from wheatstone.pictures import Photo
from wheatstone.pipelines.compression import CompressorMissingError, ExternalCompressor
from wheatstone.splats.formats import write_scene
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages
from wheatstone.storage import Artifact, Status, Task

_log = logging.getLogger(__name__)

PLY, SOG, POSTER = "output.ply", "output.sog", "poster.webp"
_MEDIA_TYPES = {PLY: "application/octet-stream", SOG: "application/octet-stream", POSTER: "image/webp"}


PHOTOS, TASKS = "photos", "tasks"
"""What the keys of photos and of tasks' files begin with."""


def photo_key(sha256: str) -> str:
    """Where the photo with this content lies."""
    return f"{PHOTOS}/{sha256}"


def task_key(task_id: str, name: str = "") -> str:
    """Where a task's file lies; without a name, what all its keys begin with."""
    return f"{TASKS}/{task_id}/{name}"


def predict(services: Services, task: Task, stages: Stages) -> dict[str, Any]:
    """Photo to `output.ply`; returns what is known of the scene, for `compress`."""
    photo = Photo(
        services.objects.path(photo_key(task.photo_sha256)),
        task.source_name,
        task.f_px,
        services.settings.pictures,
    )
    scene = services.executor.predict_splat(task.model, photo, stages, rank=task.created_at.timestamp())
    with tempfile.TemporaryDirectory(dir=services.work_dir) as folder, stages.stage("ply"):
        path = write_scene(scene, Path(folder, PLY))
        services.objects.put(task_key(task.id, PLY), path)
    return {**_facts(scene, task, services), "seconds": stages.seconds}


def _facts(scene: Scene, task: Task, services: Services) -> dict[str, Any]:
    info = splat_model_named(task.model, services.settings).info
    camera = scene.camera
    return {
        "model": info.name,
        "licence": info.licence,
        "label": scene.label,
        "gaussians": len(scene.gaussians),
        "camera": camera
        and {
            "width_px": camera.width_px,
            "height_px": camera.height_px,
            "intrinsic_matrix": camera.intrinsics.ravel().tolist(),
            "extrinsic_matrix": camera.world_to_camera.ravel().tolist(),
        },
    }


def compress(services: Services, task: Task, stages: Stages, facts: dict[str, Any]) -> None:
    """`output.ply` to `output.sog` and a poster; the task is then completed."""
    settings = services.settings.compression
    ply = services.objects.path(task_key(task.id, PLY))
    names = [POSTER]
    with tempfile.TemporaryDirectory(dir=services.work_dir) as folder:
        sog, poster = Path(folder, SOG), Path(folder, POSTER)
        is_compressed = settings.enabled and _compress_outside(services, ply, sog, stages)
        is_ours = settings.enabled and not is_compressed
        paths = {"ply": str(ply), "sog": str(sog) if is_ours else None, "poster": str(poster)}
        drawn = services.compressors.call("compress", paths, stages)
        if settings.enabled:
            names.insert(0, SOG)
        for name in names:
            services.objects.put(task_key(task.id, name), Path(folder, name))
    if not settings.enabled or services.settings.storage.keep_ply:
        names.append(PLY)
    seconds = {**facts["seconds"], **stages.seconds}
    artifacts = [_artifact(services, task.id, name) for name in names]
    services.move(task.id, Status.COMPLETED, artifacts=artifacts, facts={**facts, **drawn, "seconds": seconds})
    if PLY not in names:
        services.objects.delete([task_key(task.id, PLY)])


def _compress_outside(services: Services, ply: Path, sog: Path, stages: Stages) -> bool:
    """Whether an external compressor is wanted, could be started, and has written `sog`."""
    settings = services.settings.compression
    if not settings.command:
        return False
    compressor = ExternalCompressor(settings.command, settings.args_template, settings.timeout)
    try:
        with services.external_turns.turn(stages.cancellation):
            compressor.run(ply, sog, stages)
    except CompressorMissingError as error:
        _log.warning("The external compressor cannot be started (%s); the built-in one is used instead.", error)
        return False
    return True


def _artifact(services: Services, task_id: str, name: str) -> Artifact:
    key = task_key(task_id, name)
    found = services.objects.find(key)
    if found is None:
        raise FileNotFoundError(key)
    return Artifact(name, key, _MEDIA_TYPES[name], found.size_bytes)
