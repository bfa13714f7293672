"""What the steps from a photo to a splat do, each with the task's row at hand."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError, CompressionFailedError
from wheatstone.files import to_json
from wheatstone.jobs.services import Services
from wheatstone.jobs.tasks import artifact_of, cache_key, complete, photo_of, rank_of, task_key
from wheatstone.pipelines.compression import ExternalCompressor
from wheatstone.splats.facts import scene_facts
from wheatstone.splats.formats import write_scene
from wheatstone.stages import Stages
from wheatstone.storage import NewTask, Result, Status, Task

PLY, SOG, POSTER, METADATA = "output.ply", "output.sog", "poster.webp", "metadata.json"


def kept_result(services: Services, task: Task | NewTask, *, again: bool = False) -> Result | None:
    """What an equal task has made, copied for this one; None if nothing is kept.

    Args:
        services: of the server.
        task: that wants it.
        again: it has looked before.
    """
    names = _wanted(services, task)
    kept = services.cache.give(cache_key(services, task), names, partial(task_key, task.id), again=again)
    if kept is None:
        return None
    artifacts = tuple(artifact_of(services, task.id, name) for name in names)
    return Result(artifacts, {**kept.facts, "cache_hit": True, "seconds": {}})


def _wanted(services: Services, task: Task | NewTask) -> list[str]:
    """The files that a task is to make."""
    compresses = services.settings.compression.enabled
    keeps_ply = task.keep_ply or not compresses
    return [*([SOG] if compresses else []), POSTER, *([PLY] if keeps_ply else []), METADATA]


def predict(services: Services, task: Task, stages: Stages) -> dict[str, Any] | None:
    """Photo to `output.ply`; returns what is known of the scene, for `compress`.

    None if the task is completed, with what an equal one has made meanwhile.
    """
    if task.status is Status.COMPLETED:  # it was cut off after that
        return None
    key = None
    if services.settings.cache.enabled:
        key = cache_key(services, task)
        services.flights.join(key, task.id, stages.cancellation)
        if result := kept_result(services, task, again=True):
            services.move(task.id, Status.COMPLETED, artifacts=result.artifacts, facts=result.facts)
            return None
    scene = services.executor.predict_splat(task.model, photo_of(services, task), stages, rank=rank_of(task))
    with tempfile.TemporaryDirectory(dir=services.work_dir) as folder, stages.stage("ply"):
        path = write_scene(scene, Path(folder, PLY))
        services.objects.put(task_key(task.id, PLY), path)
    return {"scene": scene_facts(scene), "seconds": stages.seconds, "cache_key": key}


def compress(services: Services, task: Task, stages: Stages, predicted: dict[str, Any]) -> None:
    """`output.ply` to `output.sog` and a poster; the task is then completed, its result kept for equal ones."""
    names = _wanted(services, task)
    if task.status is not Status.COMPLETED:  # else it was cut off after that
        with tempfile.TemporaryDirectory(dir=services.work_dir) as folder:
            drawn = _compress_in_child(services, task.id, Path(folder), stages)
            for name in names:
                if name not in (PLY, METADATA):
                    services.objects.put(task_key(task.id, name), Path(folder, name))
        seconds = {**predicted["seconds"], **stages.seconds}
        services.objects.put(task_key(task.id, METADATA), to_json({**predicted["scene"], "seconds": seconds}))
        artifacts = [artifact_of(services, task.id, name) for name in names]
        facts = {**predicted["scene"], **drawn, "seconds": seconds}
        complete(services, task, artifacts, facts, predicted["cache_key"])
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
            drawn = services.finishers.call("compress", arguments, inside)
    except CancelledError:
        stages.cancellation.check()
        raise CompressionFailedError(f"Compression failed: it took longer than {settings.timeout:g} s.") from None
    finally:
        timer.cancel()
    stages.add(inside.seconds)
    return drawn
