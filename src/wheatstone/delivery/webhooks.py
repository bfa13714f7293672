"""Webhooks: which URL is told that a task has ended, what it is told, and how it knows that we say so."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from standardwebhooks import Webhook

from wheatstone.egress import checked_url
from wheatstone.errors import BadOptionError, EgressRefusedError, UnknownWebhookError
from wheatstone.settings import WebhookSettings
from wheatstone.storage import Delivery, Status, Task, WebhookStore

KIND = "webhook"
"""Of the deliveries of webhooks."""
_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)
"""How long a key may be, as Standard Webhooks has it."""
_RESULTS = ("output.ply", "output.sog", "model.glb", "output3d.zip")
"""What a completed task is known by: the first of these that it has."""


class WebhookEvent(StrEnum):
    """What somebody can be told of."""

    TASK_COMPLETED = "task_completed"
    TASK_FAILED = "task_failed"


class Webhooks:
    """Who is told of which event: what was said over the API, else what the settings say."""

    def __init__(self, settings: WebhookSettings, store: WebhookStore) -> None:
        """Check what the settings say.

        Raises:
            BadOptionError: a URL, or the secret, cannot be used.
        """
        self._settings = settings
        self._store = store
        self._signer = _signer(settings)
        for event, url in self._configured().items():
            try:
                checked_url(url)
            except EgressRefusedError as error:
                raise BadOptionError(f"WHEATSTONE_WEBHOOK__{event.upper()}: {error}") from error

    @property
    def enabled(self) -> bool:
        """Whether anybody is told at all."""
        return self._settings.enabled

    def urls(self, connection: sa.Connection | None = None) -> dict[str, str]:
        """Event to URL, of all events that somebody is told of."""
        urls = {**self._configured(), **self._store.urls(connection)}
        return {event: url for event in WebhookEvent if (url := urls.get(event))}

    def register(self, event: WebhookEvent, url: str) -> None:
        """Let `url`, and nobody else, be told of an event.

        Raises:
            EgressRefusedError: nothing can be sent to such a URL. Whether its host may be reached shows when it is
                delivered.
        """
        checked_url(url)
        self._store.register(event, url)

    def unregister(self, event_type: str) -> None:
        """Let nobody be told of an event, whatever the settings say, and give up what is on its way.

        Raises:
            UnknownWebhookError: nobody is, or there is no such event.
        """
        if event_type not in self.urls():
            raise UnknownWebhookError(f"Nobody is told of {event_type!r}.")
        self._store.unregister(event_type, kind=KIND, reason="The webhook was unregistered.")

    def headers(self, delivery: Delivery, now: datetime) -> dict[str, str]:
        """The header fields of an attempt that is made now."""
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Webhook-Event": delivery.event,
            "X-Webhook-Timestamp": timestamp,
            "webhook-id": delivery.id,
            "webhook-timestamp": timestamp,
        }
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(delivery.id, now, delivery.payload)
        return headers

    def _configured(self) -> dict[str, str]:
        urls = {
            WebhookEvent.TASK_COMPLETED: self._settings.task_completed,
            WebhookEvent.TASK_FAILED: self._settings.task_failed,
        }
        return {event: url for event, url in urls.items() if url}


def event_of(task: Task) -> WebhookEvent:
    """What is told of a task that has ended; a cancelled one failed."""
    return WebhookEvent.TASK_COMPLETED if task.status is Status.COMPLETED else WebhookEvent.TASK_FAILED


def payload_of(task: Task) -> str:
    """What a webhook says of a task that has ended, as JSON."""
    ended = task.finished_at or task.created_at
    event = event_of(task)
    payload: dict[str, Any] = {"event": event, "task_id": task.id}
    if event is WebhookEvent.TASK_COMPLETED:
        name = next((name for name in _RESULTS if task.artifact(name)), _RESULTS[0])
        seconds = (ended - (task.started_at or task.created_at)).total_seconds()
        payload |= {
            "status": "success",
            "url": f"/files/{task.id}/{name}",
            "processing_time": round(seconds, 3),
        }
    else:
        payload |= {"status": "error", "error": task.error_message or ""}
    return json.dumps({**payload, "timestamp": ended.timestamp()}, ensure_ascii=False)


def _signer(settings: WebhookSettings) -> Webhook | None:
    secret = settings.secret.get_secret_value()
    if not secret:
        return None
    problem = "WHEATSTONE_WEBHOOK__SECRET must be whsec_ and the Base64 of 24 to 64 bytes"
    if not secret.startswith(_PREFIX):
        raise BadOptionError(f"{problem}; this one does not begin with whsec_.")
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise BadOptionError(f"{problem}; what follows whsec_ is no Base64.") from error
    if len(key) not in _SECRET_BYTES:
        raise BadOptionError(f"{problem}; this one has {len(key)}.")
    return Webhook(key)
