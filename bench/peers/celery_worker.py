"""What the worker of `bench.peers.celery_api` does, and what it tells; with options that suit a single device.

A message is acknowledged when its task is done, so that a worker that dies loses none. Nobody asks for results of
Celery's own, so it keeps none: a task's state is a hash in Redis, its statuses a list, and each is also published.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from wheatstone.executors import InlineExecutor
from wheatstone.pictures import Photo
from wheatstone.settings import load_settings
from wheatstone.stages import Stages

REDIS_URL, FOLDER, MODEL = os.environ["PEER_REDIS"], Path(os.environ["PEER_FOLDER"]), os.environ["PEER_MODEL"]
CHANNEL = "statuses:"
_BROKER = REDIS_URL.replace("unix://", "redis+socket://")

app = Celery("peer", broker=_BROKER)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)


def state_key(task_id: str) -> str:
    """Of the hash with what is known of a task."""
    return f"task:{task_id}"


def statuses_key(task_id: str) -> str:
    """Of the list of statuses so far."""
    return f"task:{task_id}:statuses"


def photo_path(task_id: str) -> Path:
    """Where a task's photo lies."""
    return FOLDER / f"{task_id}.photo"


def result_path(task_id: str) -> Path:
    """Where a task's result lies."""
    return FOLDER / f"{task_id}.ply"


def tell(pipeline: Any, task_id: str, status: str, **facts: str) -> None:
    """Add to a transaction of Redis, blocking or not: a task's new status, kept and published."""
    data = json.dumps({"status": status})
    pipeline.hset(state_key(task_id), mapping={"status": status, **facts})
    pipeline.rpush(statuses_key(task_id), data)
    pipeline.publish(CHANNEL + task_id, data)


@functools.cache
def _executor() -> InlineExecutor:
    """Loads the model at its first use, once a worker process."""
    return InlineExecutor(load_settings())


@functools.cache
def _redis() -> Redis:
    return Redis.from_url(REDIS_URL)


@app.task(name="photo_to_splat")
def photo_to_splat(task_id: str, f_px: float | None) -> None:
    """Photo to PLY."""
    with _redis().pipeline() as pipeline:
        tell(pipeline, task_id, "converting")
        pipeline.execute()
    facts = {}
    try:
        stages = Stages()
        scene = _executor().predict_splat(MODEL, Photo(photo_path(task_id), f_px=f_px), stages)
        with stages.stage("ply"):
            partial = scene.save(FOLDER / f"{task_id}.partial.ply")
            partial.replace(result_path(task_id))
        status, facts["seconds"] = "completed", json.dumps(stages.seconds)
        if scene.camera is not None:
            facts["intrinsic_matrix"] = json.dumps(scene.camera.intrinsics.ravel().tolist())
    except Exception as error:  # whatever it was, the task failed
        status, facts["message"] = "failed", str(error)
    with _redis().pipeline() as pipeline:
        tell(pipeline, task_id, status, **facts)
        pipeline.execute()
