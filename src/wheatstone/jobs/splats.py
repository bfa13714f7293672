"""What the steps from a photo to a splat do, each with the task's row at hand."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError, CompressionFailedError
from wheatstone.jobs.cache import result_key
from wheatstone.jobs.photos import photo_key
from wheatstone.jobs.services import Services
from wheatstone.models.registry import splat_model_named
from wheatstone.pictures import Photo
from wheatstone.pipelines.compression import ExternalCompressor
from wheatstone.splats.formats import write_scene
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages
from wheatstone.storage import TASKS, Artifact, NewTask, Result, Status, Task

PLY, SOG, POSTER = "output.ply", "output.sog", "poster.webp"
_PRIORITY_S = 1e9
"""What a step of priority is worth in seconds of waiting: more than anybody waits."""
_MEDIA_TYPES = {PLY: "application/octet-stream", SOG: "application/octet-stream", POSTER: "image/webp"}


def task_key(task_id: str, name: str) -> str:
    """Where a task's file lies."""
    return f"{TASKS}/{task_id}/{name}"


def kept_result(services: Services, task: Task | NewTask, *, again: bool = False) -> Result | None:
    """What an equal task has made, copied for this one; None if nothing is kept.

    Args:
        services: of the server.
        task: that wants it.
        again: it has looked before.
    """
    names = _wanted(services, task)
    targets = {name: task_key(task.id, name) for name in names}
    facts = services.cache.give(_cache_key(services, task), targets, again=again)
    if facts is None:
        return None
    artifacts = tuple(_artifact(services, task.id, name) for name in names)
    return Result(artifacts, {**facts, "cache_hit": True, "seconds": {}})


def _cache_key(services: Services, task: Task | NewTask) -> str:
    return result_key(task.photo_sha256, task.f_px, task.model, services.settings)


def _wanted(services: Services, task: Task | NewTask) -> list[str]:
    """The files that a task is to make."""
    compresses = services.settings.compression.enabled
    keeps_ply = task.keep_ply or not compresses
    return [*([SOG] if compresses else []), POSTER, *([PLY] if keeps_ply else [])]


def predict(services: Services, task: Task, stages: Stages) -> dict[str, Any] | None:
    """Photo to `output.ply`; returns what is known of the scene, for `compress`.

    None if the task is completed, with what an equal one has made meanwhile.
    """
    if task.status is Status.COMPLETED:  # it was cut off after that
        return None
    key = None
    if services.settings.cache.enabled:
        key = _cache_key(services, task)
        services.flights.join(key, task.id, stages.cancellation)
        if result := kept_result(services, task, again=True):
            services.move(task.id, Status.COMPLETED, artifacts=result.artifacts, facts=result.facts)
            return None
    photo = Photo(
        services.objects.path(photo_key(task.photo_sha256)),
        task.source_name,
        task.f_px,
        services.settings.pictures,
    )
    rank = task.created_at.timestamp() - _PRIORITY_S * task.priority
    scene = services.executor.predict_splat(task.model, photo, stages, rank=rank)
    with tempfile.TemporaryDirectory(dir=services.work_dir) as folder, stages.stage("ply"):
        path = write_scene(scene, Path(folder, PLY))
        services.objects.put(task_key(task.id, PLY), path)
    return {"scene": _facts(scene, task, services), "seconds": stages.seconds, "cache_key": key}


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


def compress(services: Services, task: Task, stages: Stages, predicted: dict[str, Any]) -> None:
    """`output.ply` to `output.sog` and a poster; the task is then completed, its result kept for equal ones."""
    names = _wanted(services, task)
    if task.status is not Status.COMPLETED:  # else it was cut off after that
        with tempfile.TemporaryDirectory(dir=services.work_dir) as folder:
            drawn = _compress_in_child(services, task.id, Path(folder), stages)
            for name in names:
                if name != PLY:
                    services.objects.put(task_key(task.id, name), Path(folder, name))
        artifacts = [_artifact(services, task.id, name) for name in names]
        seconds = {**predicted["seconds"], **stages.seconds}
        facts = {**predicted["scene"], **drawn, "seconds": seconds}
        services.move(task.id, Status.COMPLETED, artifacts=artifacts, facts=facts)
        key = predicted["cache_key"]
        if key and key == _cache_key(services, task):  # else weights were fetched meanwhile
            services.cache.put(key, facts, {made.name: made.key for made in artifacts})
    if PLY not in names:
        services.objects.delete([task_key(task.id, PLY)])


def _compress_in_child(services: Services, task_id: str, folder: Path, stages: Stages) -> dict[str, Any]:
    """`pipelines.compression.compress`, within the time that the settings allow from when it begins.

    Raises:
        CompressionFailedError: it took longer.
    """
    settings = services.settings.compression
    limited = Cancellation()
    timer = threading.Timer(settings.timeout, limited.cancel)

    def report(stage: str, fraction: float) -> None:
        if timer.ident is None:
            timer.start()
        stages.report(stage, fraction)

    external = ExternalCompressor(settings.command, settings.args_template)
    arguments = {
        "ply": str(services.objects.path(task_key(task_id, PLY))),
        "sog": str(folder / SOG) if settings.enabled else None,
        "poster": str(folder / POSTER),
        "external": asdict(external) if settings.command else None,
    }
    inside = Stages(report, limited)
    try:
        with stages.cancellation.telling(limited.cancel):
            drawn = services.compressors.call("compress", arguments, inside)
    except CancelledError:
        stages.cancellation.check()
        raise CompressionFailedError(f"Compression failed: it took longer than {settings.timeout:g} s.") from None
    finally:
        timer.cancel()
    stages.add(inside.seconds)
    return drawn


def _artifact(services: Services, task_id: str, name: str) -> Artifact:
    key = task_key(task_id, name)
    found = services.objects.find(key)
    if found is None:
        raise FileNotFoundError(key)
    return Artifact(name, key, _MEDIA_TYPES[name], found.size_bytes)
