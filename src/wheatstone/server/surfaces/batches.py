"""Our own surface: many photos at once, under `/v1/batches`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from wheatstone.jobs.splats import SOG
from wheatstone.server.archives import zipped
from wheatstone.server.dependencies import BatchDependency, IdempotencyKey, LastEventId, RuntimeDependency
from wheatstone.server.descriptions import batch_of, told
from wheatstone.server.problems import PROBLEMS
from wheatstone.server.requests import described, sent
from wheatstone.storage import Topic
from wheatstone.wire import Batch

router = APIRouter(prefix="/v1/batches", tags=["Batches"], responses=PROBLEMS)


@router.post("", status_code=202, openapi_extra=described(many=True, json=False))
async def submit(
    request: Request, response: Response, runtime: RuntimeDependency, idempotency_key: IdempotencyKey = None
) -> Batch:
    """Turn photos into splats; files that are no photos are told, the others are done nevertheless."""
    async with sent(request) as (uploads, wish):
        batch, is_replay = await runtime.submit_batch(uploads, wish, idempotency_key)
    if is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = str(request.url_for("get_batch", batch_id=batch.id))
    return await batch_of(batch, runtime, request)


@router.get("/{batch_id}")
async def get_batch(batch: BatchDependency, runtime: RuntimeDependency, request: Request) -> Batch:
    """A batch and its jobs."""
    return await batch_of(batch, runtime, request)


async def _follow(
    batch: BatchDependency,
    runtime: RuntimeDependency,
    request: Request,
    last_event_id: LastEventId,
    progress: Annotated[bool, Query(description="Also send `event: progress`.")] = False,
) -> AsyncIterator[ServerSentEvent]:
    topic = Topic(batch.id, is_batch=True)
    return told(topic, runtime.services.hub.follow(topic, last_event_id or 0, progress=progress), request)


@router.get("/{batch_id}/events", response_class=EventSourceResponse)
async def batch_events(
    followed: Annotated[AsyncIterator[ServerSentEvent], Depends(_follow)],
) -> AsyncIterator[ServerSentEvent]:
    """The statuses of all jobs of a batch, pushed, until all have ended; goes on after `Last-Event-ID`."""
    async for event in followed:
        yield event


@router.post("/{batch_id}/cancel")
async def cancel_batch(batch: BatchDependency, runtime: RuntimeDependency, request: Request) -> Batch:
    """End all jobs of a batch early; those that have ended stay as they are."""
    for task in await asyncio.to_thread(runtime.services.tasks.of_batch, batch.id):
        await runtime.cancel(task.id)
    return await batch_of(batch, runtime, request)


@router.delete("/{batch_id}", status_code=204)
async def delete_batch(batch: BatchDependency, runtime: RuntimeDependency) -> None:
    """Forget a batch, its jobs and all that they made."""
    await runtime.delete(await asyncio.to_thread(runtime.services.tasks.of_batch, batch.id))
    await asyncio.to_thread(runtime.batches.delete, batch.id)


@router.get("/{batch_id}/results.zip", response_class=StreamingResponse)
async def results(
    batch: BatchDependency,
    runtime: RuntimeDependency,
    artifact: Annotated[list[str], Query(description="Names of the files to pack.")] = [SOG],  # noqa: B006
) -> StreamingResponse:
    """What the completed jobs of a batch made, in one archive, packed while it is sent."""
    tasks = await asyncio.to_thread(runtime.services.tasks.of_batch, batch.id)
    headers = {
        "Content-Disposition": f'attachment; filename="{batch.id}.zip"',
        "Cache-Control": "private, no-cache",
    }
    return StreamingResponse(
        zipped(runtime.services.objects, tasks, artifact), headers=headers, media_type="application/zip"
    )
