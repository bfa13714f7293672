"""Surface B: MLSharp's API. A photo becomes a splat while the client waits."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response, UploadFile
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from wheatstone.delivery import WebhookEvent
from wheatstone.errors import UnknownTaskError, WheatstoneError, error_of
from wheatstone.jobs import Upload, Wish
from wheatstone.jobs.splats import PLY
from wheatstone.server.dependencies import RuntimeDependency, TaskDependency
from wheatstone.server.downloads import download
from wheatstone.server.gpus import Gpu, gpus
from wheatstone.server.problems import MLSharpError
from wheatstone.storage import Status, Topic

_ERRORS: dict[int | str, dict[str, object]] = {"4XX": {"model": MLSharpError}, "5XX": {"model": MLSharpError}}

router = APIRouter(tags=["MLSharp"], responses=_ERRORS)

_CLEARED = "缓存已清空"
_NO_GPU = "CPU"
"""Vendor and name where there is no GPU."""


class Prediction(BaseModel):
    """A splat."""

    status: Literal["success"]
    url: str = Field(description="Its PLY.")
    processing_time: float = Field(description="Seconds from when the photo was accepted.")
    task_id: str


class GpuHealth(BaseModel):
    """How the server is, and on what it computes."""

    status: Literal["healthy", "unhealthy"]
    gpu_available: bool
    gpu_vendor: str
    gpu_name: str


class GpuStatistics(BaseModel):
    """The first GPU, and how many there are."""

    available: bool
    vendor: str
    name: str
    count: int
    memory_mb: float = Field(description="In use.")


class Statistics(BaseModel):
    """What the server computes on."""

    gpu: GpuStatistics


class CacheStatistics(BaseModel):
    """Results kept for equal requests."""

    enabled: bool
    size: int
    max_size: int
    hits: int
    misses: int
    hit_rate: float = Field(description="In percent.")


class Webhooks(BaseModel):
    """Who is told of what."""

    enabled: bool = Field(description="Whether webhooks are delivered; they can be registered anyhow.")
    webhooks: dict[str, str] = Field(description="Event to URL.")


class Registration(BaseModel):
    """Somebody to be told."""

    event_type: WebhookEvent
    url: str = Field(description="http or https, told with POST.", examples=["https://example.com/webhook"])


class Done(BaseModel):
    """It was done."""

    status: Literal["success"] = "success"
    message: str


@router.post("/v1/predict")
async def predict_and_wait(
    file: UploadFile,
    runtime: RuntimeDependency,
    request: Request,
    focal_length: Annotated[float | None, Form(description="In pixels; by default from EXIF.")] = None,
) -> Prediction:
    """Turn a photo into a splat; answers when it is done. The task goes on if the client leaves."""
    wish = Wish(f_px=focal_length, keep_ply=True)
    task, _ = await runtime.submit(Upload(file.filename or "", file.file), wish)
    async for _event in runtime.services.hub.follow(Topic(task.id)):
        continue
    task = await asyncio.to_thread(runtime.services.tasks.get, task.id)
    if task.finished_at is None:
        detail = f"The server ends; task {task.id} goes on when it is back."
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail)
    if task.status is not Status.COMPLETED:
        raise error_of(task.error_code or WheatstoneError.code, task.error_message or "")
    return Prediction(
        status="success",
        url=str(request.url_for("file", task_id=task.id, name=PLY)),
        processing_time=(task.finished_at - task.created_at).total_seconds(),
        task_id=task.id,
    )


@router.head("/files/{task_id}/{name}", include_in_schema=False)
@router.get("/files/{task_id}/{name}", response_class=Response)
async def file(name: str, task: TaskDependency, runtime: RuntimeDependency, request: Request) -> Response:
    """A file that a task made, such as `output.ply`."""
    found = task.artifact(name)
    if found is None:
        raise UnknownTaskError(f"Task {task.id!r} has no file {name!r}.")
    return download(runtime.services.objects, task, found, request)


@router.get("/v1/health", responses={503: {"model": GpuHealth}})
async def gpu_health(runtime: RuntimeDependency, response: Response) -> GpuHealth:
    """Whether the server can work, and on what."""
    is_well = not await runtime.troubles()
    if not is_well:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    found = await _gpus(runtime)
    return GpuHealth(
        status="healthy" if is_well else "unhealthy",
        gpu_available=bool(found),
        gpu_vendor=found[0].vendor if found else _NO_GPU,
        gpu_name=found[0].name if found else _NO_GPU,
    )


@router.get("/v1/stats")
async def statistics(runtime: RuntimeDependency) -> Statistics:
    """What the server computes on."""
    found = await _gpus(runtime)
    first = found[0] if found else Gpu("", _NO_GPU, _NO_GPU, None, None, None)
    return Statistics(
        gpu=GpuStatistics(
            available=bool(found),
            vendor=first.vendor,
            name=first.name,
            count=len(found),
            memory_mb=first.memory_used_mb or 0.0,
        )
    )


async def _gpus(runtime: RuntimeDependency) -> list[Gpu]:
    """Those that models may use."""
    return [] if runtime.settings.mode == "cpu" else await asyncio.to_thread(gpus)


@router.get("/v1/cache")
async def cache(runtime: RuntimeDependency) -> CacheStatistics:
    """How often an equal request was answered with a kept result."""
    known = runtime.services.cache.statistics
    return CacheStatistics(
        enabled=known.enabled,
        size=known.size,
        max_size=known.max_size,
        hits=known.hits,
        misses=known.misses,
        hit_rate=known.hit_rate,
    )


@router.post("/v1/cache/clear")
async def clear_cache(runtime: RuntimeDependency) -> Done:
    """Forget all kept results; tasks keep theirs."""
    await asyncio.to_thread(runtime.services.cache.clear)
    return Done(message=_CLEARED)


@router.get("/v1/webhooks")
async def list_webhooks(runtime: RuntimeDependency) -> Webhooks:
    """Who is told of what."""
    webhooks = runtime.deliveries.webhooks
    return Webhooks(enabled=webhooks.enabled, webhooks=await asyncio.to_thread(webhooks.urls))


@router.post("/v1/webhooks")
async def register(registration: Registration, runtime: RuntimeDependency) -> Done:
    """Let a URL be told of an event; it takes the place of the one before."""
    event, url = registration.event_type, registration.url
    await asyncio.to_thread(runtime.deliveries.webhooks.register, event, url)
    return Done(message=f"Webhook 已注册: {event} -> {url}")


@router.delete("/v1/webhooks/{event_type}")
async def unregister(event_type: str, runtime: RuntimeDependency) -> Done:
    """Let nobody be told of an event; deliveries on their way are given up."""
    await asyncio.to_thread(runtime.deliveries.webhooks.unregister, event_type)
    return Done(message=f"Webhook 已注销: {event_type}")
