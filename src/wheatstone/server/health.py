"""How the server is, for people and for orchestrators."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from wheatstone.server.dependencies import RuntimeDependency
from wheatstone.settings import PictureLimits
from wheatstone.version import VERSION

router = APIRouter(prefix="/health", tags=["Health"])


class ModelHealth(BaseModel):
    """A model that is ready."""

    name: str
    device: str
    memory_bytes: int


class Health(BaseModel):
    """How the server is."""

    status: Literal["healthy", "unhealthy"]
    reasons: list[str] = Field(description="What is wrong, if anything is.")
    version: str
    model_loaded: bool = Field(description="Whether a model is in memory; models load at first use.")
    models_loaded: list[ModelHealth]
    device: str = Field(
        description="What the server's model runs on; before it has been used, what the settings ask for."
    )
    compression_enabled: bool
    compression_workers: int
    pictures: PictureLimits = Field(description="What a photo may be at most.")


@router.head("", include_in_schema=False)
@router.get("", responses={503: {"model": Health}})
async def health(runtime: RuntimeDependency, response: Response) -> Health:
    """200 when the server can work, even before its first model is loaded; else 503, with reasons."""
    reasons = await runtime.troubles()
    if reasons:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    executor = runtime.services.executor
    models = [child for child in executor.models if child.is_loaded]
    compression = runtime.settings.compression
    return Health(
        status="unhealthy" if reasons else "healthy",
        reasons=reasons,
        version=VERSION,
        model_loaded=bool(models),
        models_loaded=[
            ModelHealth(name=child.model, device=child.device, memory_bytes=child.rss_bytes) for child in models
        ],
        device=executor.device(runtime.settings.model.name),
        compression_enabled=compression.enabled,
        compression_workers=compression.max_workers,
        pictures=runtime.settings.pictures,
    )


@router.head("/live", include_in_schema=False)
@router.get("/live")
async def live() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "live"}


@router.head("/ready", include_in_schema=False)
@router.get("/ready", responses={503: {"model": Health}})
async def ready(runtime: RuntimeDependency, response: Response) -> Health:
    """As `/health`: whether requests should be sent here."""
    return await health(runtime, response)
