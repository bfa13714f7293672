"""Webhooks: which URL is told that a task has ended, what it is told, and how it knows that we say so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from wheatstone.delivery.couriers import Letter, Message
from wheatstone.delivery.policy import Failure
from wheatstone.delivery.signatures import signer_of
from wheatstone.egress import Limits, checked_url
from wheatstone.errors import BadOptionError, EgressRefusedError, UnknownWebhookError
from wheatstone.settings import WebhookSettings
from wheatstone.storage import Delivery, Status, Task, WebhookStore

KIND = "webhook"
"""Of the deliveries of webhooks."""
_LIMITS = Limits(max_bytes=64_000, total_s=10, silence_s=10, redirects=0)
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
        self._signer = signer_of(settings.secret.get_secret_value(), "WHEATSTONE_WEBHOOK__SECRET")
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

    def of_end(self, connection: sa.Connection, task: Task) -> list[Letter]:
        """What is to be told of a task that has ended."""
        event = event_of(task)
        url = self.urls(connection).get(event) if self.enabled else None
        return [Letter(KIND, event, task.id, url, payload_of(task))] if url else []

    @contextmanager
    def message(self, delivery: Delivery, now: datetime) -> Iterator[Message | Failure]:
        """The request of an attempt that is made now, or why there is none."""
        if not self.enabled:
            yield Failure("Webhooks are switched off.", is_final=True)
            return
        body = delivery.payload.encode()
        signed = self._signer.headers(delivery.id, now, [body])
        headers = {
            "Content-Type": "application/json",
            "X-Webhook-Event": delivery.event,
            "X-Webhook-Timestamp": signed["webhook-timestamp"],
            **signed,
        }
        yield Message(headers, body, _LIMITS)

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
