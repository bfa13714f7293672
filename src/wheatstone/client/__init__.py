"""A Wheatstone server from Python.

from wheatstone.client import Client

with Client("http://127.0.0.1:8000") as client:
    client.splat("photo.jpg", "scene.sog")
"""

from __future__ import annotations

from wheatstone.client.aio import AsyncClient
from wheatstone.client.following import Event
from wheatstone.client.generate3d import AsyncGenerate3DClient, Generate3DClient, GenerationFailedError, MeshPart
from wheatstone.client.outcomes import JobCancelledError, JobFailedError
from wheatstone.client.retries import Retries
from wheatstone.client.sync import Client
from wheatstone.client.uploads import Options
from wheatstone.client.webhooks import WebhookEvent, verify_webhook

__all__ = [
    "AsyncClient",
    "AsyncGenerate3DClient",
    "Client",
    "Event",
    "Generate3DClient",
    "GenerationFailedError",
    "JobCancelledError",
    "JobFailedError",
    "MeshPart",
    "Options",
    "Retries",
    "WebhookEvent",
    "verify_webhook",
]
