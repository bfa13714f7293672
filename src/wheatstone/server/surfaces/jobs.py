"""Our own surface: jobs and what they make, under `/v1/jobs`."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from wheatstone.errors import UnknownTaskError, error_of
from wheatstone.jobs import Runtime
from wheatstone.server.dependencies import RuntimeDependency, TaskDependency
from wheatstone.server.downloads import download
from wheatstone.server.problems import PROBLEMS
from wheatstone.storage import Status, Task

router = APIRouter(prefix="/v1/jobs", tags=["Jobs"], responses=PROBLEMS)


class JobError(BaseModel):
    """Why a job failed or was cancelled."""

    code: str
    title: str
    detail: str


class JobArtifact(BaseModel):
    """A file that a job made."""

    name: str
    type: str
    bytes: int
    url: str


class Job(BaseModel):
    """A job and all that is known of it."""

    id: str
    kind: str
    done: bool
    status: Status
    stage: str | None = Field(description="The stage that runs now.")
    progress: float | None = Field(description="How far that stage is, 0 to 1.")
    queue_position: int | None = Field(description="1 is next; null once it has begun.")
    error: JobError | None
    source_name: str
    model: str | None
    label: str | None = Field(description="What the model calls its results, to be shown with them.")
    licence: str | None
    gaussians: int | None
    seconds: dict[str, float] = Field(description="Stage to seconds.")
    artifacts: list[JobArtifact]
    view: dict[str, Any] | None = Field(description="What a viewer must know: camera, pivot, limits.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@router.get("/{task_id}")
async def get(task: TaskDependency, runtime: RuntimeDependency, request: Request) -> Job:
    """A job."""
    return await _job(task, runtime, request)


@router.post("/{task_id}/cancel")
async def cancel(task_id: str, runtime: RuntimeDependency, request: Request) -> Job:
    """End a job early; one that has ended stays as it is."""
    return await _job(await runtime.cancel(task_id), runtime, request)


@router.head("/{task_id}/artifacts/{name}", include_in_schema=False)
@router.get("/{task_id}/artifacts/{name}", response_class=Response)
async def artifact(name: str, task: TaskDependency, runtime: RuntimeDependency, request: Request) -> Response:
    """A file that a job made."""
    found = task.artifact(name)
    if found is None:
        raise UnknownTaskError(f"Job {task.id!r} has no artifact {name!r}.")
    return download(runtime.services.objects, task, found, request.headers)


async def _job(task: Task, runtime: Runtime, request: Request) -> Job:
    progress = None if task.status.is_final else runtime.services.hub.progress(task.id)
    facts = task.facts
    error = error_of(task.error_code, "") if task.error_code else None
    return Job(
        id=task.id,
        kind=task.kind,
        done=task.status.is_final,
        status=task.status,
        stage=progress and progress.stage,
        progress=progress and progress.fraction,
        queue_position=await asyncio.to_thread(runtime.services.tasks.queue_position, task),
        error=error and JobError(code=error.code, title=error.title, detail=task.error_message or error.title),
        source_name=task.source_name,
        model=facts.get("model"),
        label=facts.get("label"),
        licence=facts.get("licence"),
        gaussians=facts.get("gaussians"),
        seconds=facts.get("seconds", {}),
        artifacts=[
            JobArtifact(
                name=made.name,
                type=made.media_type,
                bytes=made.size_bytes,
                url=str(request.url_for("artifact", task_id=task.id, name=made.name)),
            )
            for made in task.artifacts
        ],
        view=facts.get("view"),
        created_at=task.created_at,
        started_at=task.started_at,
        finished_at=task.finished_at,
    )
