"""Surface A: the SHARP API. A photo becomes a splat as a task, whose status is pushed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response, UploadFile
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from wheatstone.errors import UnknownTaskError
from wheatstone.jobs import Progress, Upload, Wish
from wheatstone.jobs.splats import PLY, SOG
from wheatstone.server.dependencies import LastEventId, RuntimeDependency, TaskDependency
from wheatstone.server.downloads import download
from wheatstone.server.problems import PROBLEMS
from wheatstone.storage import Artifact, Event, Status, Task, Topic

router = APIRouter(tags=["SHARP API"], responses=PROBLEMS)

_RECONNECT_MS = 1000
_RESULTS = (SOG, PLY)

Word = Literal["queued", "converting", "compressing", "completed", "failed"]
_WORDS: dict[Status, Word] = {
    Status.QUEUED: "queued",
    Status.CONVERTING: "converting",
    Status.COMPRESSING: "compressing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "failed",
}


class TaskStatus(BaseModel):
    """Where a task stands."""

    task_id: str
    status: Word
    message: str | None = Field(None, description="Why it failed.")


class Metadata(BaseModel):
    """The camera of a task's photo."""

    task_id: str
    intrinsic_matrix: list[float] = Field(description="3×3, row by row, in pixels of the upright photo.")
    extrinsic_matrix: list[float] = Field(description="4×4, row by row: scene to camera.")
    image_size: list[int] = Field(description="Width and height of the upright photo in pixels.")
    created_at: str = Field(description="UTC, as 2025-01-08 12:34:56.")


@router.post("/predict", status_code=202)
async def predict(
    file: UploadFile,
    runtime: RuntimeDependency,
    focal_length: Annotated[float | None, Form(description="In pixels; by default from EXIF.")] = None,
) -> TaskStatus:
    """Take a photo (JPEG, PNG, WebP, HEIC, AVIF, TIFF) and turn it into a splat."""
    task, _ = await runtime.submit(Upload(file.filename or "", file.file), Wish(f_px=focal_length))
    return TaskStatus(task_id=task.id, status=_WORDS[task.status])


@router.get("/status/{task_id}")
async def status(task: TaskDependency) -> TaskStatus:
    """Where a task stands."""
    return TaskStatus(task_id=task.id, status=_WORDS[task.status], message=task.error_message)


async def _follow(
    task: TaskDependency,
    runtime: RuntimeDependency,
    last_event_id: LastEventId,
    progress: Annotated[bool, Query(description="Also send `event: progress`, stage and fraction.")] = False,
) -> AsyncIterator[Event | Progress]:
    """The task's events; a new client of a task that has ended gets the last one only.

    Raises:
        UnknownTaskError: the task is completed, but its result is gone.
    """
    topic, after = Topic(task.id), last_event_id or 0
    if task.status is Status.COMPLETED and not await asyncio.to_thread(
        runtime.services.objects.find, _result(task).key
    ):
        raise UnknownTaskError(f"The result of task {task.id!r} is not here any more.")
    if task.status.is_final and last_event_id is None:
        told = await asyncio.to_thread(runtime.services.tasks.news, topic)
        after = len(told.events) - 1
    return runtime.services.hub.follow(topic, after, progress=progress)


@router.get("/stream/{task_id}", response_class=EventSourceResponse)
async def stream(
    followed: Annotated[AsyncIterator[Event | Progress], Depends(_follow)],
) -> AsyncIterator[ServerSentEvent]:
    """A task's status, pushed: `event: status` at each change, until it is `completed` or `failed`.

    A client that reconnects with `Last-Event-ID` gets what it missed.
    """
    async for told in followed:
        if isinstance(told, Progress):
            yield ServerSentEvent(event="progress", data={"stage": told.stage, "fraction": told.fraction})
            continue
        if told.artifact is not None:
            continue
        data: dict[str, str] = {"status": _WORDS[told.status]}
        if told.message is not None:
            data["message"] = told.message
        yield ServerSentEvent(event="status", data=data, id=str(told.sequence), retry=_RECONNECT_MS)


@router.head("/result/{task_id}", include_in_schema=False)
@router.get("/result/{task_id}", response_class=Response)
async def result(task: TaskDependency, runtime: RuntimeDependency, request: Request) -> Response:
    """The splat: `.sog`, or `.ply` where compression is off. 404 until the task is completed."""
    return download(runtime.services.objects, task, _result(task), request)


def _result(task: Task) -> Artifact:
    for name in _RESULTS:
        if found := task.artifact(name):
            return found
    raise UnknownTaskError(f"Task {task.id!r} has no result: it is {task.status}.")


@router.get("/metadata/{task_id}")
async def metadata(task: TaskDependency) -> Metadata:
    """The camera of the photo. 404 until the task is completed."""
    camera = task.facts.get("camera")
    if camera is None:
        raise UnknownTaskError(f"Task {task.id!r} has no metadata: it is {task.status}.")
    return Metadata(
        task_id=task.id,
        intrinsic_matrix=camera["intrinsic_matrix"],
        extrinsic_matrix=camera["extrinsic_matrix"],
        image_size=[camera["width_px"], camera["height_px"]],
        created_at=f"{task.created_at:%Y-%m-%d %H:%M:%S}",
    )
