"""What the steps from a photo to a splat do, each with the task's row at hand."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError, CompressionFailedError
from wheatstone.jobs.services import PHOTOS, TASKS, Services
from wheatstone.pictures import Photo
from wheatstone.pipelines.compression import ExternalCompressor
from wheatstone.splats.facts import scene_facts, to_json
from wheatstone.splats.formats import write_scene
from wheatstone.stages import Stages
from wheatstone.storage import Artifact, Status, Task

PLY, SOG, POSTER, METADATA = "output.ply", "output.sog", "poster.webp", "metadata.json"
_MEDIA_TYPES = {
    PLY: "application/octet-stream",
    SOG: "application/octet-stream",
    POSTER: "image/webp",
    METADATA: "application/json",
}


def photo_key(sha256: str) -> str:
    """Where the photo with this content lies."""
    return f"{PHOTOS}/{sha256}"


def task_key(task_id: str, name: str) -> str:
    """Where a task's file lies."""
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
    return {**scene_facts(scene), "seconds": stages.seconds}


def compress(services: Services, task: Task, stages: Stages, facts: dict[str, Any]) -> None:
    """`output.ply` to `output.sog` and a poster; the task is then completed."""
    settings = services.settings.compression
    keeps_ply = services.settings.storage.keep_ply or not settings.enabled
    if task.status is not Status.COMPLETED:  # else it was cut off after that
        names = [SOG, POSTER] if settings.enabled else [POSTER]
        with tempfile.TemporaryDirectory(dir=services.work_dir) as folder:
            drawn = _compress_in_child(services, task.id, Path(folder), stages)
            for name in names:
                services.objects.put(task_key(task.id, name), Path(folder, name))
        seconds = {**facts["seconds"], **stages.seconds}
        services.objects.put(task_key(task.id, METADATA), to_json({**facts, "seconds": seconds}))
        names += [PLY, METADATA] if keeps_ply else [METADATA]
        artifacts = [_artifact(services, task.id, name) for name in names]
        facts = {**facts, **drawn, "seconds": seconds}
        services.move(task.id, Status.COMPLETED, artifacts=artifacts, facts=facts)
    if not keeps_ply:
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
