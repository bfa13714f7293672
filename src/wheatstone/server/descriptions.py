"""Jobs and batches as they are told on the wire."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from fastapi import Request
from fastapi.sse import ServerSentEvent

from wheatstone.errors import error_of
from wheatstone.jobs import Follower, Progress, Runtime, place
from wheatstone.storage import Batch, Status, Task, Topic
from wheatstone.wire import ArtifactEvent, Job, JobArtifact, JobError, ProgressEvent, Rejected, StatusEvent
from wheatstone.wire import Batch as WireBatch

_RECONNECT_MS = 1000


async def job_of(task: Task, runtime: Runtime, request: Request) -> Job:
    """What is known of a task."""
    (job,) = await jobs_of([task], runtime, request)
    return job


async def jobs_of(tasks: Sequence[Task], runtime: Runtime, request: Request) -> list[Job]:
    """What is known of tasks."""
    positions: dict[str, int] = {}
    if any(task.status is Status.QUEUED for task in tasks):
        positions = await asyncio.to_thread(runtime.services.tasks.queue_positions)
    return [_job(task, positions.get(task.id), runtime, request) for task in tasks]


async def batch_of(batch: Batch, runtime: Runtime, request: Request) -> WireBatch:
    """What is known of a batch."""
    tasks = await asyncio.to_thread(runtime.services.tasks.of_batch, batch.id)
    return WireBatch(
        id=batch.id,
        done=all(task.status.is_final for task in tasks),
        counts=Counter(task.status.value for task in tasks),
        jobs=await jobs_of(tasks, runtime, request),
        rejected=[Rejected(name=file.name, error=_error(file.code, file.message)) for file in batch.rejected],
        created_at=batch.created_at,
    )


async def told(topic: Topic, followed: Follower, request: Request) -> AsyncIterator[ServerSentEvent]:
    """What follows of a job or a batch, as server-sent events."""
    async for news in followed:
        if isinstance(news, Progress):
            moved = ProgressEvent(job_id=news.task_id, stage=news.stage, fraction=news.fraction)
            yield ServerSentEvent(event="progress", data=moved)
            continue
        kind: str = "status"
        data: StatusEvent | ArtifactEvent = StatusEvent(
            job_id=news.task_id, status=news.status, message=news.message
        )
        if news.artifact is not None:
            url = str(request.url_for("artifact", task_id=news.task_id, name=news.artifact))
            kind, data = "artifact", ArtifactEvent(job_id=news.task_id, name=news.artifact, url=url)
        yield ServerSentEvent(event=kind, data=data, id=str(place(topic, news)), retry=_RECONNECT_MS)


def _job(task: Task, position: int | None, runtime: Runtime, request: Request) -> Job:
    progress = None if task.status.is_final else runtime.services.hub.progress(task.id)
    facts = task.facts
    return Job(
        id=task.id,
        kind=task.kind,
        batch_id=task.batch_id,
        done=task.status.is_final,
        status=task.status,
        stage=progress and progress.stage,
        progress=progress and progress.fraction,
        queue_position=position,
        priority=task.priority,
        error=_error(task.error_code, task.error_message) if task.error_code else None,
        source_name=task.source_name,
        picture_id=task.photo_sha256,
        model=facts.get("model"),
        label=facts.get("label"),
        licence=facts.get("licence"),
        cache_hit=facts.get("cache_hit", False),
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


def _error(code: str, message: str | None) -> JobError:
    error = error_of(code, "")
    return JobError(code=error.code, title=error.title, detail=message or error.title)
