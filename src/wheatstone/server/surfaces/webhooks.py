"""The webhooks of surface B: who is told that a task has ended."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wheatstone.delivery import WebhookEvent
from wheatstone.server.dependencies import RuntimeDependency
from wheatstone.server.problems import PROBLEMS

router = APIRouter(prefix="/v1/webhooks", tags=["Webhooks"], responses=PROBLEMS)


class Webhooks(BaseModel):
    """Who is told of what."""

    enabled: bool = Field(description="Whether webhooks are delivered; they can be registered anyhow.")
    webhooks: dict[str, str] = Field(description="Event to URL.")


class Registration(BaseModel):
    """Somebody to be told."""

    event_type: WebhookEvent
    url: str = Field(description="http or https, told with POST.", examples=["https://example.com/webhook"])


class Done(BaseModel):
    """What was done."""

    status: Literal["success"] = "success"
    message: str


@router.get("")
async def list_webhooks(runtime: RuntimeDependency) -> Webhooks:
    """Who is told of what."""
    webhooks = runtime.deliveries.webhooks
    return Webhooks(enabled=webhooks.enabled, webhooks=await asyncio.to_thread(webhooks.urls))


@router.post("")
async def register(registration: Registration, runtime: RuntimeDependency) -> Done:
    """Let a URL be told of an event; it takes the place of the one before."""
    event, url = registration.event_type, registration.url
    await asyncio.to_thread(runtime.deliveries.webhooks.register, event, url)
    return Done(message=f"Webhook 已注册: {event} -> {url}")


@router.delete("/{event_type}")
async def unregister(event_type: str, runtime: RuntimeDependency) -> Done:
    """Let nobody be told of an event; deliveries on their way are given up."""
    await asyncio.to_thread(runtime.deliveries.webhooks.unregister, event_type)
    return Done(message=f"Webhook 已注销: {event_type}")
