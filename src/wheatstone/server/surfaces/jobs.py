"""Our own surface: jobs and what they make, under `/v1/jobs`."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from wheatstone.errors import BadOptionError, UnknownTaskError
from wheatstone.jobs import Runtime
from wheatstone.server.dependencies import IdempotencyKey, LastEventId, RuntimeDependency, TaskDependency
from wheatstone.server.descriptions import job_of, jobs_of, told
from wheatstone.server.downloads import download
from wheatstone.server.links import check_link, signed_link
from wheatstone.server.problems import PROBLEMS
from wheatstone.server.requests import asked, described, wanted_wait_s
from wheatstone.storage import Status, Task, Topic
from wheatstone.wire import Job, JobPage, SignedLink

router = APIRouter(prefix="/v1/jobs", tags=["Jobs"], responses=PROBLEMS)

_PROGRESS = Query(description="Also send `event: progress`: the present stage, and how far it is.")


@router.post("", status_code=202, openapi_extra=described(many=False, json=True), responses={200: {"model": Job}})
async def submit(
    request: Request,
    response: Response,
    runtime: RuntimeDependency,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[str, Header(description="`wait=n`: answer when it is done, or after n seconds.")] = "",
) -> Job:
    """Turn a photo into a splat or a mesh: one that is sent along, or is elsewhere, or here already."""
    async with asked(request) as (sources, wish):
        if len(sources) != 1:
            raise BadOptionError(f"A job takes one photo, not {len(sources)}; /v1/batches takes many.")
        task, is_replay = await runtime.submit(sources[0], wish, idempotency_key)
    if is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = str(request.url_for("get_job", task_id=task.id))
    wait_s = wanted_wait_s(prefer)
    if wait_s is not None:
        response.headers["Preference-Applied"] = f"wait={wait_s}"
        task = await _ended(task, runtime, wait_s)
        if task.status.is_final:
            response.status_code = HTTPStatus.OK
    return await job_of(task, runtime, request)


@router.get("")
async def get_jobs(
    request: Request,
    runtime: RuntimeDependency,
    *,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    status: Annotated[list[Status], Query(description="Only jobs with one of these.")] = [],  # noqa: B006
    model: Annotated[str | None, Query(description="Only jobs for which this model was asked for.")] = None,
    batch: Annotated[str | None, Query(description="Only jobs of this batch.")] = None,
) -> JobPage:
    """Jobs, the newest first."""
    before = None if cursor is None else _decoded(cursor)
    tasks = await asyncio.to_thread(
        runtime.services.tasks.page, limit + 1, before=before, statuses=status, model=model, batch_id=batch
    )
    shown = tasks[:limit]
    following = _encoded(shown[-1]) if len(tasks) > limit else None
    return JobPage(jobs=await jobs_of(shown, runtime, request), next=following)


@router.get("/{task_id}")
async def get_job(task: TaskDependency, runtime: RuntimeDependency, request: Request) -> Job:
    """A job."""
    return await job_of(task, runtime, request)


async def _follow(
    task: TaskDependency,
    runtime: RuntimeDependency,
    request: Request,
    last_event_id: LastEventId,
    progress: Annotated[bool, _PROGRESS] = False,
) -> AsyncIterator[ServerSentEvent]:
    topic = Topic(task.id)
    return told(topic, runtime.services.hub.follow(topic, last_event_id or 0, progress=progress), request)


@router.get("/{task_id}/events", response_class=EventSourceResponse)
async def events(
    followed: Annotated[AsyncIterator[ServerSentEvent], Depends(_follow)],
) -> AsyncIterator[ServerSentEvent]:
    """A job's statuses, pushed: `event: status`, all so far, then each new one, until the last.

    A mesh comes part by part: `event: artifact`, as soon as there is one.

    A client that reconnects with `Last-Event-ID` gets what it missed.
    """
    async for event in followed:
        yield event


@router.post("/{task_id}/cancel")
async def cancel(task_id: str, runtime: RuntimeDependency, request: Request) -> Job:
    """End a job early; one that has ended stays as it is."""
    return await job_of(await runtime.cancel(task_id), runtime, request)


@router.delete("/{task_id}", status_code=204)
async def delete(task: TaskDependency, runtime: RuntimeDependency) -> None:
    """Forget a job and all that it made; one that has not ended is cancelled first."""
    await runtime.delete([task])


@router.head("/{task_id}/artifacts/{name}", include_in_schema=False)
@router.get("/{task_id}/artifacts/{name}", response_class=Response)
async def artifact(
    name: str,
    task: TaskDependency,
    runtime: RuntimeDependency,
    request: Request,
    expires: Annotated[int, Query(description="Of a signed link.")] = 0,
    signature: Annotated[str | None, Query(description="Of a signed link.")] = None,
) -> Response:
    """A file that a job made."""
    if signature is not None:
        check_link(request.url, runtime.services.link_key, expires, signature)
    found = task.artifact(name)
    if found is None:
        raise UnknownTaskError(f"Job {task.id!r} has no artifact {name!r}.")
    return download(runtime.services.objects, task, found, request)


@router.post("/{task_id}/artifacts/{name}/link")
async def link(
    name: str,
    task: TaskDependency,
    runtime: RuntimeDependency,
    request: Request,
    lifetime_s: Annotated[int, Query(ge=1, le=604_800, description="Seconds that the link works.")] = 3600,
) -> SignedLink:
    """A link to a file that a job made, to be given away: it works for a while, whoever has it."""
    if task.artifact(name) is None:
        raise UnknownTaskError(f"Job {task.id!r} has no artifact {name!r}.")
    url = request.url_for("artifact", task_id=task.id, name=name)
    return signed_link(url, runtime.services.link_key, lifetime_s)


async def _ended(task: Task, runtime: Runtime, wait_s: float) -> Task:
    """The task when it has ended, or after so many seconds."""
    followed = runtime.services.hub.follow(Topic(task.id))
    try:
        async with asyncio.timeout(wait_s):
            async for _ in followed:
                continue
    except TimeoutError:
        await followed.aclose()
    return await asyncio.to_thread(runtime.services.tasks.get, task.id)


def _encoded(task: Task) -> str:
    return base64.urlsafe_b64encode(f"{task.created_at.isoformat()} {task.id}".encode()).decode()


def _decoded(cursor: str) -> tuple[datetime, str]:
    try:
        moment, _, task_id = base64.b64decode(cursor, b"-_", validate=True).decode().partition(" ")
        return datetime.fromisoformat(moment), task_id
    except (ValueError, binascii.Error) as error:
        raise BadOptionError("cursor is not what `next` of a page was.") from error
